/* What was dropped: files, and folders with all that is in them. Shards with their index become one tar archive. */
(function () {
  "use strict";
  const BLOCK = 512;
  const ENDINGS = /\.(safetensors|pt|pth|pt2|ckpt|th|bin|tar|gz|npz|npy|csv|gguf|msgpack|pkl|joblib|h5|keras|onnx|zip)$|ubyte$|_batch(_\d+)?$/i;
  /* The index of a distributed checkpoint, and the files that it is about. */
  const INDEX_OF_PIECES = ".metadata";
  const PIECES = /\.distcp$/;
  /* What training leaves beside weights. */
  const BESIDE = /^(optimizer|scheduler|scaler|rng_state.*|training_args|random_states.*)\.(pt|pth|bin|pkl)$/i;
  /* Names that say nothing: the folder's is taken. */
  const NAMELESS = /^(model|pytorch_model|adapter_model|diffusion_pytorch_model|weights|flax_model)$/i;

  const stem = (name) => name.replace(/\.(safetensors|pt|pth|pt2|bin|ckpt|th|tar|npz|npy|csv|gguf|msgpack|pkl|joblib|h5|keras|onnx|zip|gz)$/i, "");

  function entriesOf(folder) {
    const reader = folder.createReader();
    const all = [];
    /* A reader gives a hundred at a time. */
    return new Promise((done, failed) => {
      const more = () => reader.readEntries((some) => {
        if (!some.length) done(all);
        else { all.push(...some); more(); }
      }, failed);
      more();
    });
  }

  const fileOf = (entry) => new Promise((done, failed) => entry.file(done, failed));

  /* Files below an entry with the path of their folder, such as "runs/seed0". */
  async function walk(entry, path) {
    if (entry.isFile) return entry.name.startsWith(".") && entry.name !== INDEX_OF_PIECES ? [] : [{ file: await fileOf(entry), folder: path }];
    const inside = await entriesOf(entry);
    const here = path ? path + "/" + entry.name : entry.name;
    return (await Promise.all(inside.map((one) => walk(one, here)))).flat();
  }

  function header(name, size, changed) {
    const block = new Uint8Array(BLOCK);
    const put = (text, at) => block.set(new TextEncoder().encode(text), at);
    const octal = (number, digits) => number.toString(8).padStart(digits, "0");
    put(name.slice(-99), 0);
    put("0000644\0" + "0000000\0" + "0000000\0", 100);
    put(octal(size, 11) + "\0" + octal(Math.floor(changed / 1000), 11) + "\0", 124);
    put("        0", 148);
    put("ustar\u000000", 257);
    put(octal(block.reduce((sum, byte) => sum + byte, 0), 6) + "\0 ", 148);
    return block;
  }

  /* One archive of several files; their bytes are read when they are sent. */
  function tar(files, name) {
    const parts = [];
    for (const file of files) {
      parts.push(header(file.name, file.size, file.lastModified), file, new Uint8Array((BLOCK - (file.size % BLOCK)) % BLOCK));
    }
    parts.push(new Uint8Array(2 * BLOCK));
    return new File(parts, name + ".tar", { lastModified: Math.max(...files.map((f) => f.lastModified)) });
  }

  /* The uploads that the files of one folder are. */
  function uploadsOf(folder, files) {
    const last = folder.split("/").pop();
    const pieces = files.filter((file) => PIECES.test(file.name) || file.name === INDEX_OF_PIECES);
    if (pieces.some((file) => PIECES.test(file.name))) return [{ file: tar(pieces, last), name: last }];
    const indexes = files.filter((file) => /\.(safetensors|bin)\.index\.json$/.test(file.name));
    if (indexes.length) {
      const ending = indexes[0].name.replace(".index.json", "").split(".").pop();
      const shards = files.filter((file) => file.name.endsWith("." + ending) && !BESIDE.test(file.name));
      return [{ file: tar([indexes[0], ...shards], last), name: last }];
    }
    const known = files.filter((file) => ENDINGS.test(file.name) && !BESIDE.test(file.name));
    return known.map((file) => ({ file: file, name: NAMELESS.test(stem(file.name)) ? last : last + "/" + stem(file.name) }));
  }

  /* Files as they are, and for folders what is in them, with a name. */
  async function dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const plain = [...transfer.files];
    if (!entries.some((entry) => entry && entry.isDirectory)) return plain.map((file) => ({ file: file, name: stem(file.name) }));
    const found = (await Promise.all(entries.filter(Boolean).map((entry) => walk(entry, "")))).flat();
    const folders = new Map();
    for (const one of found) folders.set(one.folder, [...(folders.get(one.folder) || []), one.file]);
    const out = [];
    for (const [folder, files] of [...folders].sort()) {
      if (folder) out.push(...uploadsOf(folder, files.sort((a, b) => (a.name < b.name ? -1 : 1))));
      else out.push(...files.map((file) => ({ file: file, name: stem(file.name) })));
    }
    return out;
  }

  window.kinscape = Object.assign(window.kinscape || {}, { dropped: dropped, stem: stem, tarOf: tar, uploadsOf: uploadsOf });
})();
