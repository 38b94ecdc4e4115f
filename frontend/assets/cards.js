/* The card of a measure beside its name, while it is pointed at or has the keyboard's focus. */
(function () {
  "use strict";

  const WAIT = 250, LINGER = 200, AGAIN = 1500, GAP = 8;
  let name = null, coming = null, going = null;
  /* The measure that was just chosen: its name is drawn anew under the pointer, but its picture is what is wanted. */
  let chosen = null;

  const box = () => document.getElementById("pointed-card");
  const holder = () => name.closest("a, .choice") || name;
  const shows = (slug) => box() !== null && box().querySelector('[data-of="' + CSS.escape(slug) + '"]') !== null;
  const isInBox = (target) => target instanceof Node && box() !== null && box().contains(target);
  const hasFocus = () => name !== null && holder().contains(document.activeElement);

  function nameAt(target) {
    if (!(target instanceof Element)) return null;
    const within = target.matches("a, label, input") ? target.closest(".choice") || target : null;
    return target.closest("[data-card]") || (within && within.querySelector("[data-card]"));
  }

  /* To the right of the name where there is room, else below or above it; never off the screen. */
  function place() {
    if (name === null || box() === null) return;
    if (!name.isConnected || !shows(name.dataset.card)) { box().classList.remove("here"); return; }
    const at = holder().getBoundingClientRect();
    box().classList.add("here");
    if (holder().matches("a")) holder().setAttribute("aria-describedby", "pointed-card");
    const width = box().offsetWidth, height = box().offsetHeight;
    const beside = at.right + GAP + width + GAP <= innerWidth;
    const below = at.bottom + GAP + height + GAP <= innerHeight;
    const left = beside ? at.right + GAP : Math.min(at.left, innerWidth - width - GAP);
    const top = beside ? Math.min(at.top, innerHeight - height - GAP) : below ? at.bottom + GAP : at.top - GAP - height;
    box().style.left = Math.max(GAP, left) + "px";
    box().style.top = Math.max(GAP, top) + "px";
  }

  function come(found) {
    leave();
    name = found;
    coming = setTimeout(() => {
      ask(found, 0);
      place();
    }, WAIT);
  }

  /* An answer that was overtaken by another one does not come: a blank more asks anew. */
  function ask(found, times) {
    if (name !== found) return;
    if (shows(found.dataset.card)) return place();
    window.kinscape.setProps("card-asked", { data: found.dataset.card + " ".repeat(times) });
    coming = setTimeout(() => ask(found, times + 1), AGAIN);
  }

  function leave() {
    clearTimeout(coming);
    clearTimeout(going);
    if (name !== null) holder().removeAttribute("aria-describedby");
    name = null;
    if (box() !== null) box().classList.remove("here");
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const found = isInBox(event.target) ? name : nameAt(event.target);
    clearTimeout(going);
    if (found !== null && found.dataset.card === chosen) return;
    chosen = null;
    if (found === name) return;
    if (found !== null) come(found);
    else if (!hasFocus()) going = setTimeout(leave, box().classList.contains("here") ? LINGER : 0);
  });
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches(":focus-visible")) return;
    const found = nameAt(event.target);
    if (found !== null && found !== name) come(found);
  });
  /* Moving on by keyboard scrolls what comes next into view. */
  document.addEventListener("scroll", (event) => {
    if (name === null || isInBox(event.target)) return;
    if (!hasFocus()) leave();
    else if (box().classList.contains("here")) place();
  }, true);
  document.addEventListener("pointerdown", (event) => {
    if (isInBox(event.target)) return;
    const found = nameAt(event.target);
    chosen = found === null ? null : found.dataset.card;
    leave();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
  document.addEventListener("focusout", leave);
  document.documentElement.addEventListener("pointerleave", leave);
  window.addEventListener("blur", leave);

  /* The card comes from the server, and its formula is set after it. */
  const seen = new MutationObserver(place);
  const wait = setInterval(() => {
    if (box() === null) return;
    clearInterval(wait);
    seen.observe(box(), { childList: true, subtree: true });
  }, 60);
})();
