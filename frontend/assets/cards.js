/* The card of a measure beside its name, while it is pointed at or has the keyboard's focus. */
(function () {
  "use strict";

  const WAIT = 250, GAP = 8;
  let name = null, timer = null;

  const box = () => document.getElementById("pointed-card");
  const shows = (slug) => box() && box().querySelector('[data-of="' + CSS.escape(slug) + '"]') !== null;

  function nameAt(target) {
    if (!(target instanceof Element)) return null;
    const own = target.closest("[data-card]");
    return own || (target.matches("a, label, input") ? (target.closest(".choice") || target).querySelector("[data-card]") : null);
  }

  /* To the right of the name where there is room, else below or above it; never off the screen. */
  function place() {
    if (!name || !box()) return;
    if (!name.isConnected || !shows(name.dataset.card)) { box().classList.remove("here"); return; }
    const at = (name.closest("a, .choice") || name).getBoundingClientRect();
    box().classList.add("here");
    const width = box().offsetWidth, height = box().offsetHeight;
    const beside = at.right + GAP + width + GAP <= innerWidth;
    const below = at.bottom + GAP + height + GAP <= innerHeight;
    const left = beside ? at.right + GAP : Math.min(at.left, innerWidth - width - GAP);
    const top = beside ? Math.min(at.top, innerHeight - height - GAP) : below ? at.bottom + GAP : at.top - GAP - height;
    box().style.left = Math.max(GAP, left) + "px";
    box().style.top = Math.max(GAP, top) + "px";
  }

  function point(event) {
    const found = nameAt(event.target);
    if (found === name) return;
    leave();
    name = found;
    if (!found) return;
    timer = setTimeout(() => {
      if (!shows(found.dataset.card)) window.kinscape.setProps("card-asked", { data: found.dataset.card });
      place();
    }, WAIT);
  }

  function leave() {
    clearTimeout(timer);
    name = null;
    if (box()) box().classList.remove("here");
  }

  document.addEventListener("pointerover", (event) => { if (event.pointerType !== "touch") point(event); });
  document.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) point(event); });
  document.addEventListener("focusout", leave);
  document.addEventListener("pointerdown", leave);
  document.addEventListener("scroll", leave, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });

  /* The card comes from the server, and its formula is set after it. */
  const seen = new MutationObserver(place);
  const wait = setInterval(() => {
    if (!box()) return;
    clearInterval(wait);
    seen.observe(box(), { childList: true, subtree: true });
  }, 60);
})();
