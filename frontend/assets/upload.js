/* Uploads: drop files, watch each, pause, cancel, confirm what they are. Resumable by tus 1.0. */
(function () {
  "use strict";
  const PIECE = window.kinscape.uploadWords.PIECE;
  const LEVELS = { weights: "weights only", recorded: "recorded", program: "program", network: "" };
  let files = [];
  let fields = null;
  let architectures = [];
  /* The project whose rows these are. */
  let shown = null;

  function project() {
    const target = document.getElementById("drop-target");
    return target ? target.dataset.project : null;
  }

  function make(tag, attributes, children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "text") node.textContent = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value);
    }
    for (const child of children || []) node.append(child);
    return node;
  }

  const { valuesIn, describedBy, sheetMemory } = window.kinscape;
  const { checksum, sentence, described } = window.kinscape.uploadWords;
  /* What can be said of all files at once, and of one of them. */
  const LABELS = { group: "Group", parent: "Parent", init_of: "Starts like", teacher: "Teacher", run: "Run" };
  const RELATIVES = ["parent", "init_of", "teacher"];
  const HINTS = { parent: "The checkpoint that these were made from", init_of: "The checkpoint whose first weights these started from",
    teacher: "The checkpoint whose outputs these learned", run: "The training run that these are steps of" };
  const stem = (name) => window.kinscape.stem(name);
  /* By its name; the choice beside the name says otherwise. */
  const looksLikeProbe = (file) => /\.(npz|npy|csv)$|ubyte(\.gz)?$|_batch(_\d+)?$|(images|probe|testset)[^/]*\.(zip|tar|gz|pt)$/i.test(file.name);
  const isProbe = (one) => one.kind.value === "probe";

  function sheet() {
    const node = document.getElementById("upload-sheet");
    if (node && !node.classList.contains("open")) {
      node.classList.add("open");
      const typed = shown === project() ? sheetMemory.valuesOf(fields) : null;
      if (!typed) leave();
      shown = project();
      fields = {
        ...textFields(),
        pattern: make("input", { placeholder: "resnet20_seed{seed}_step{step}", oninput: preview,
          title: "{group}, {parent}, {teacher}, {run}, {step} say this; any other word in braces is a tag. Other fields may use them: dense-{seed}" }),
        architecture: make("select", {}, [make("option", { value: "", text: "propose from the file" })]),
        preview: make("span", { class: "quiet" }),
      };
      sheetMemory.fill(fields, typed);
      node.append(make("div", { class: "upload-fields" }, [
        make("label", { text: "Group" }, [fields.group]),
        make("label", { text: "Tags and lineage from file names" }, [fields.pattern]),
        make("label", { text: "Architecture" }, [fields.architecture]),
        ...Object.keys(HINTS).map((key) => make("label", { text: LABELS[key] }, [fields[key]])),
        make("button", { text: "Upload", id: "upload-all", onclick: startAll }),
        make("button", { text: "Close", onclick: close }),
        fields.preview,
      ]));
      fetch("/api/v1/architectures").then((a) => a.json()).then((cards) => {
        architectures = cards;
        for (const select of [fields.architecture, ...files.map((one) => one.typed.architecture)]) offer(select);
      });
    }
    return node;
  }

  function textFields() {
    return Object.fromEntries(Object.keys(LABELS).map((key) =>
      [key, make("input", { placeholder: "none", maxlength: key === "group" ? "100" : "200", title: HINTS[key] || "", oninput: preview })]));
  }

  function offer(select) {
    for (const card of architectures) select.append(make("option", { value: card.name, text: card.name, title: card.summary }));
    if (select.dataset.wanted) select.value = select.dataset.wanted;
  }

  /* What holds for one file alone, folded below it. */
  function own(one) {
    one.typed = { ...textFields(), architecture: make("select", {}, [make("option", { value: "", text: "as above" })]) };
    offer(one.typed.architecture);
    const labelled = Object.entries({ ...LABELS, architecture: "Architecture" }).map(([key, text]) => make("label", { text: text }, [one.typed[key]]));
    one.about = make("summary", { text: "Group, lineage" });
    return make("details", { class: "own" }, [one.about, make("div", { class: "upload-fields" }, labelled)]);
  }

  function close() {
    sheetMemory.keep(project(), null, []);
    const node = document.getElementById("upload-sheet");
    files.forEach((one) => { one.state = "closed"; if (one.upload) one.upload.abort(); });
    files = [];
    node.classList.remove("open");
    node.replaceChildren();
  }

  /* What each file would be said to be, before anything is sent. */
  function preview() {
    const pattern = fields.pattern.value;
    const mine = files.filter((one) => one.state === "waiting" && !isProbe(one));
    const strangers = mine.filter((one) => valuesIn(one.label, pattern) === null);
    fields.preview.textContent = !strangers.length ? "" : strangers[0].label
      + (strangers.length > 1 ? " and " + (strangers.length - 1) + " more do not fit this pattern" : " does not fit this pattern");
    for (const one of files.filter((one) => one.state === "waiting")) {
      one.own.hidden = isProbe(one);
      const about = saidOf(one);
      const said = Object.keys(LABELS).concat("step").filter((key) => about[key] !== undefined && about[key] !== "")
        .map((key) => (LABELS[key] || "Step").toLowerCase() + " " + about[key]);
      one.about.textContent = [...said, ...Object.entries(about.tags).map(([k, v]) => k + "=" + v)].join(" · ") || "Group, lineage";
    }
  }

  function saidOf(one) {
    const typed = Object.fromEntries(Object.keys(LABELS).map((key) => [key, one.typed[key].value.trim() || fields[key].value.trim()]));
    return describedBy(one.label, fields.pattern.value, typed);
  }

  function add(list) {
    if (!project()) return;
    for (const given of list) {
      const { file, name } = given instanceof File ? { file: given, name: stem(given.name) } : given;
      const known = files.find((one) => one.state === "missing" && one.file.name === file.name && one.file.size === file.size);
      if (known) found(known, file);
      else show({ file: file, label: name, paused: false, state: "waiting" }, looksLikeProbe(file) ? "probe" : "checkpoint");
    }
    preview();
    countWaiting();
  }

  /* A file of a row that was remembered without it. */
  function found(one, file) {
    one.file = file;
    one.state = "waiting";
    one.says.textContent = "waiting";
    one.row.classList.remove("missing");
    one.pause.hidden = false;
  }

  function show(one, kind) {
    const file = one.file;
    one.bar = make("progress", { max: "1", value: "0", "aria-label": "Sent of " + file.name });
    one.speed = make("span", { class: "quiet" });
    one.says = make("span", { class: "says", text: "waiting" });
    one.kind = make("select", { "aria-label": "What " + file.name + " is", onchange: preview }, [
      make("option", { value: "checkpoint", text: "checkpoint" }),
      make("option", { value: "probe", text: "probe set" }),
    ]);
    one.kind.value = kind;
    one.pause = make("button", { text: "Pause", onclick: () => togglePause(one) });
    one.cancel = make("button", { text: "Cancel", onclick: () => cancel(one) });
    one.name = make("input", { value: one.label, maxlength: "200", "aria-label": "Name of " + file.name, class: "name" });
    one.own = own(one);
    one.row = make("div", { class: "upload-row", "data-file": file.name }, [
      make("span", { class: "named" }, [one.name, one.kind]), one.bar, one.speed, one.says,
      make("span", { class: "verbs" }, [one.pause, one.cancel]), one.own,
    ]);
    sheet().append(one.row);
    files.push(one);
  }

  /* Rows of another project are remembered for when it is come back to; what is on its way goes on meanwhile. */
  function leave() {
    if (shown && shown !== project()) sheetMemory.keep(shown, fields, files);
    files = [];
  }

  /* A page that is loaded anew, or come back to, has its rows again; what was sent goes on from where it was. */
  function remember() {
    const node = document.getElementById("upload-sheet");
    if (!node || node.classList.contains("open")) return;
    const here = project();
    if (shown === here && files.some(sheetMemory.isOpen)) {
      sheet().append(...files.map((one) => one.row));
      preview();
      return countWaiting();
    }
    leave();
    const kept = sheetMemory.take(here);
    if (!kept) return;
    sheet();
    sheetMemory.fill(fields, kept.fields);
    for (const row of kept.rows) {
      const one = { file: row.file, label: row.label, paused: false, state: "missing", id: row.id, isBegun: row.isBegun };
      show(one, row.kind);
      one.name.value = row.name;
      sheetMemory.fill(one.typed, row.typed);
      if (row.id) { one.over = new Promise((done) => { one.end = done; }); inspect(one); continue; }
      one.row.classList.add("missing");
      one.says.textContent = "choose this file again, or drop it here" + (row.isBegun ? ": it goes on where it stopped" : "");
      one.pause.hidden = true;
    }
    preview();
    countWaiting();
  }

  function countWaiting() {
    const button = document.getElementById("upload-all");
    const waiting = files.filter((one) => one.state === "waiting").length;
    if (!button) return;
    button.textContent = waiting === 1 ? "Upload 1 file" : "Upload " + waiting + " files";
    button.disabled = waiting === 0;
    if (waiting) button.focus();
  }

  /* Probe sets first: a recording is refused where the samples that it is of are not there yet. */
  async function startAll() {
    const waiting = files.filter((one) => one.state === "waiting");
    waiting.forEach((one) => { one.state = "next"; });
    countWaiting();
    const probes = waiting.filter(isProbe);
    probes.forEach(start);
    await Promise.all(probes.map((one) => one.over));
    /* Then relatives before those that name them; who names itself in a circle is refused by the server. */
    for (let left = waiting.filter((one) => one.state === "next"); left.length;) {
      const names = new Set(left.map((one) => describe(one).name));
      const free = left.filter((one) => RELATIVES.every((key) => !names.has(describe(one)[key])));
      const now = free.length ? free : left;
      now.forEach(start);
      left = left.filter((one) => !now.includes(one));
      if (left.length) await Promise.all(now.map((one) => one.over));
      left = left.filter((one) => one.state === "next");
    }
  }

  function describe(one) {
    if (isProbe(one)) {
      return { name: one.name.value.trim() || one.label, role: /train/i.test(one.file.name) ? "train" : "held-out" };
    }
    const about = { name: one.name.value.trim() || one.label, ...saidOf(one) };
    const architecture = one.typed.architecture.value || fields.architecture.value;
    return architecture ? { ...about, architecture: architecture } : about;
  }

  function start(one) {
    one.state = "sending";
    one.over = new Promise((done) => { one.end = done; });
    one.says.textContent = "sending";
    one.name.disabled = one.kind.disabled = true;
    one.own.open = false;
    for (const field of Object.values(one.typed)) field.disabled = true;
    const began = Date.now();
    const here = project();
    one.upload = new tus.Upload(one.file, {
      endpoint: "/api/v1/projects/" + here + "/uploads",
      chunkSize: PIECE,
      retryDelays: [0, 500, 1500, 4000, 8000],
      removeFingerprintOnSuccess: true,
      metadata: {
        kind: isProbe(one) ? "probe" : "checkpoint",
        filename: one.file.name,
        description: JSON.stringify(describe(one)),
      },
      async onBeforeRequest(request) {
        if (request.getMethod() !== "PATCH" || !window.crypto || !crypto.subtle) return;
        request.setHeader("Upload-Checksum", await checksum(one.file, Number(request.getHeader("Upload-Offset"))));
        if (one.paused) throw new Error("paused");
      },
      onAfterResponse(request, response) {
        const status = response.getStatus();
        if (request.getMethod() === "HEAD" && (status >= 500 || status === 401 || status === 403)) throw new Error("not now");
        const id = response.getHeader("Kinscape-Id");
        if (id) one.id = Number(id);
      },
      onShouldRetry(error) {
        const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
        if (status === 409) return /next byte/.test(error.originalResponse.getBody() || "");
        return status === 0 || status >= 500 || status === 423 || status === 429 || status === 460;
      },
      onProgress(sent, total) {
        one.bar.value = total ? sent / total : 1;
        const speed = sent / Math.max(0.2, (Date.now() - began) / 1000) / 1e6;
        one.speed.textContent = speed.toFixed(1) + " MB/s";
      },
      onError(error) { refuse(one, sentence(error)); },
      onSuccess() { one.bar.value = 1; one.speed.textContent = ""; inspect(one); },
    });
    one.upload.findPreviousUploads().then((earlier) => {
      if (earlier.length) one.upload.resumeFromPreviousUpload(earlier[0]);
      one.upload.start();
    });
  }

  function refuse(one, text) {
    one.state = "refused";
    one.row.classList.add("refused");
    one.says.textContent = text;
    one.pause.remove();
    one.end();
    changed();
  }

  async function inspect(one) {
    one.state = "inspecting";
    one.says.textContent = "inspecting";
    one.pause.remove();
    one.cancel.remove();
    const path = (isProbe(one) ? "/api/v1/probes/" : "/api/v1/checkpoints/") + one.id;
    for (let tries = 0; one.state === "inspecting"; tries++) {
      const found = await fetch(path).then((a) => (a.status === 404 ? { state: "refused", reason: "Deleted while it was inspected" } : a.ok ? a.json() : {})).catch(() => ({}));
      if (found.state === "ready") {
        one.state = "ready";
        one.end();
        const what = found.architecture || LEVELS[found.level];
        one.says.textContent = "ready" + (what ? ": " + what : "") + (found.reason ? ". " + found.reason : "");
        if (found.level === "weights" && found.proposals.length) propose(one, found);
        return changed();
      }
      if (found.state === "refused") return refuse(one, found.reason);
      if (found.state === "unconfirmed") return propose(one, found);
      one.says.textContent = found.state ? "inspecting" : "no answer; asking again";
      await new Promise((done) => setTimeout(done, tries < 120 ? 250 : 2000));
    }
    one.end();
  }

  /* Every architecture that fits is offered; one choice holds for all files that have the same ones. */
  function propose(one, found) {
    one.says.textContent = found.reason;
    one.end();
    const choice = make("select", { "aria-label": "Architecture of " + one.file.name },
      found.proposals.map((proposal, k) => make("option", { value: String(k), text: described(proposal, found.proposals) })));
    const button = make("button", { text: "Confirm " + found.proposals[0].architecture, class: "confirm", onclick: async () => {
      const body = JSON.stringify(found.proposals[Number(choice.value)]);
      for (const other of files.filter((other) => other.asked && other.proposals === one.proposals)) {
        other.asked.remove();
        other.asked = null;
        await fetch("/api/v1/checkpoints/" + other.id, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: body });
        inspect(other);
      }
    } });
    choice.addEventListener("change", () => { button.textContent = "Confirm " + found.proposals[Number(choice.value)].architecture; });
    one.asked = make("span", {}, found.proposals.length > 1 ? [choice, button] : [button]);
    one.proposals = JSON.stringify(found.proposals);
    one.row.querySelector(".verbs").append(one.asked);
    changed();
  }

  function togglePause(one) {
    one.paused = !one.paused;
    one.pause.textContent = one.paused ? "Resume" : "Pause";
    if (!one.upload) return;
    if (one.paused) { one.upload.abort(); one.says.textContent = "paused"; }
    else { one.upload.start(); one.says.textContent = "sending"; }
  }

  function cancel(one) {
    if (one.upload) one.upload.abort(true).catch(() => null);
    files = files.filter((other) => other !== one);
    one.state = "cancelled";
    if (one.end) one.end();
    one.row.remove();
    countWaiting();
  }

  function changed() {
    window.kinscape.setProps("library-changed", { data: Date.now() });
  }

  document.addEventListener("dragover", (event) => {
    if (!project()) return;
    event.preventDefault();
    document.getElementById("drop-target").classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    const target = document.getElementById("drop-target");
    if (target && !event.relatedTarget) target.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!project()) return;
    event.preventDefault();
    document.getElementById("drop-target").classList.remove("dropping");
    window.kinscape.dropped(event.dataTransfer).then(add);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("#choose-files")) return;
    const input = make("input", { type: "file", multiple: "", accept: ".safetensors,.pt,.pth,.pt2,.ckpt,.th,.bin,.tar,.gz,.tgz,.zip,.npz,.npy,.csv,.gguf,.msgpack,.pkl,.joblib,.h5,.keras,.onnx" });
    input.addEventListener("change", () => add(input.files));
    /* One that is on no page may be collected before anything is chosen. */
    input.hidden = true;
    document.querySelectorAll("input.chooser").forEach((old) => old.remove());
    input.classList.add("chooser");
    document.body.append(input);
    input.click();
  });
  window.addEventListener("pagehide", () => { if (shown) sheetMemory.keep(shown, fields, files); });
  /* Pages are drawn without being loaded. */
  new MutationObserver(remember).observe(document.documentElement, { childList: true, subtree: true });
  /* Files that wait or are on their way have to be chosen again on the next page. */
  window.addEventListener("beforeunload", (event) => {
    if (files.some((one) => ["waiting", "next", "sending"].includes(one.state) && one.file instanceof File)) event.preventDefault();
  });
  window.kinscape = Object.assign(window.kinscape || {}, { addFiles: add });
})();
