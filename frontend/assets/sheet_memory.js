/* What the upload sheet remembers when its page is loaded anew or left: rows and what was typed; files it cannot keep. */
(function () {
  "use strict";
  const OLDEST_MS = 24 * 3600 * 1000;
  const key = (project) => "kinscape-sheet-" + project;
  const valuesOf = (inputs) => Object.fromEntries(Object.entries(inputs || {})
    .filter(([, input]) => "value" in input && input.value !== undefined).map(([name, input]) => [name, input.value]));

  /* Whether a row's work is not over. */
  const isOpen = (one) => !["closed", "cancelled", "ready", "refused"].includes(one.state) || Boolean(one.asked);

  function fill(inputs, values) {
    for (const [name, value] of Object.entries(values || {})) {
      if (!inputs[name]) continue;
      /* A list whose entries come from the server takes its value when these are there. */
      inputs[name].dataset.wanted = value;
      inputs[name].value = value;
    }
  }

  window.kinscape = Object.assign(window.kinscape || {}, {
    sheetMemory: {
      /* Rows whose work is not over; nothing is kept where there is none. */
      keep(project, fields, files) {
        const open = files.filter(isOpen);
        try {
          if (!open.length) return sessionStorage.removeItem(key(project));
          const rows = open.map((one) => ({
            file: { name: one.file.name, size: one.file.size }, label: one.label, name: one.name.value, kind: one.kind.value,
            typed: valuesOf(one.typed), id: one.id || null, isBegun: Boolean(one.upload || one.isBegun),
          }));
          sessionStorage.setItem(key(project), JSON.stringify({ at: Date.now(), fields: valuesOf(fields), rows: rows }));
        } catch (_) { /* A full or forbidden store keeps nothing, as before. */ }
      },
      /* What was kept, once. */
      take(project) {
        try {
          const kept = JSON.parse(sessionStorage.getItem(key(project)) || "null");
          sessionStorage.removeItem(key(project));
          return kept && Date.now() - kept.at < OLDEST_MS ? kept : null;
        } catch (_) { return null; }
      },
      fill: fill,
      valuesOf: valuesOf,
      isOpen: isOpen,
    },
  });
})();
