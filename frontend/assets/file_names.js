/* What names of files say of checkpoints (kinscape/client/file_names.py says the same). */
(function () {
  "use strict";
  const ENDING = /\.(safetensors|pt|pth|pt2|bin|ckpt|th|tar)$/i;
  /* Placeholders that are no tags but what the product itself knows of a checkpoint. */
  const FIELDS = ["group", "parent", "init_of", "teacher", "run", "step"];

  /* resnet20_seed{seed}_{optim} against a name: the text of each placeholder, or null where it does not fit. */
  function valuesIn(name, pattern) {
    if (!pattern.trim()) return {};
    const keys = [];
    let source = "";
    pattern.trim().replace(ENDING, "").split(/\{(\w+)\}/).forEach((part, i) => {
      if (i % 2) { keys.push(part); source += part === "step" ? "(\\d+)" : "(.+?)"; }
      else source += part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    });
    const found = new RegExp("^" + source + "$").exec(name);
    return found && Object.fromEntries(keys.map((key, i) => [key, found[i + 1]]));
  }

  const filled = (text, values) => text.trim().replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? values[key] : whole));

  /* What a name and what was typed say together; what was typed counts, and may use the placeholders. */
  function describedBy(name, pattern, typed) {
    const values = valuesIn(name, pattern) || {};
    const tags = Object.fromEntries(Object.entries(values).filter(([key]) => !FIELDS.includes(key)));
    const about = { tags: tags };
    for (const key of FIELDS) {
      const text = filled((typed && typed[key]) || values[key] || "", values);
      if (text) about[key] = key === "step" ? Number(text) : text;
    }
    return about;
  }

  window.kinscape = Object.assign(window.kinscape || {}, { valuesIn: valuesIn, describedBy: describedBy });
})();
