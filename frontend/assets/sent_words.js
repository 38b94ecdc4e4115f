/* What the upload sheet needs of files and answers: hashes of pieces, sentences of refusals, names of architectures. */
(function () {
  "use strict";
  const PIECE = 8 * 1024 * 1024;

  async function checksum(file, offset) {
    const piece = await file.slice(offset, Math.min(offset + PIECE, file.size)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", piece));
    return "sha256 " + btoa(String.fromCharCode(...digest));
  }

  function sentence(error) {
    const answer = error.originalResponse;
    try { return JSON.parse(answer.getBody()).detail; } catch (_) { return "The upload stopped: " + (answer ? answer.getStatus() : "no answer"); }
  }

  /* An architecture with the arguments in which it differs from the others that fit; alone, with all. */
  function described(proposal, all) {
    const alike = all.filter((other) => other !== proposal && other.architecture === proposal.architecture);
    const told = Object.entries(proposal.arguments).filter(([k, v]) => !alike.length || alike.some((other) => other.arguments[k] !== v));
    return proposal.architecture + "(" + told.map(([k, v]) => k + "=" + v).join(", ") + ")";
  }

  window.kinscape = Object.assign(window.kinscape || {}, { uploadWords: { PIECE, checksum, sentence, described } });
})();
