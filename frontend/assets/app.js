/* What the browser does by itself on pages of forms: light or dark, finding a measure in a long list. */
(function () {
  "use strict";

  function setProps(id, props) {
    if (window.dash_clientside && window.dash_clientside.set_props) window.dash_clientside.set_props(id, props);
  }

  function followScheme() {
    const root = document.documentElement;
    const tell = () => {
      const scheme = root.getAttribute("data-mantine-color-scheme") === "dark" ? "dark" : "light";
      root.dataset.agThemeMode = scheme;
      if (document.getElementById("page")) setProps("scheme", { data: scheme });
    };
    new MutationObserver(tell).observe(root, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
    const wait = setInterval(() => {
      if (document.getElementById("page")) { clearInterval(wait); tell(); }
    }, 60);
  }

  /* A long list of measures shows those whose words fit what is typed; what is chosen stays in sight. */
  function findMeasures() {
    const wanted = document.getElementById("find-measure").value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const choice of document.querySelectorAll(".choices .choice")) {
      const words = (choice.dataset.words + " " + choice.textContent).toLowerCase();
      const chosen = choice.querySelector("input:checked") !== null;
      const fits = wanted.every((word) => words.includes(word));
      found += fits ? 1 : 0;
      choice.hidden = !chosen && !fits;
    }
    for (const list of document.querySelectorAll(".choices")) {
      const empty = !list.querySelector(".choice:not([hidden])");
      list.hidden = empty;
      if (list.previousElementSibling) list.previousElementSibling.hidden = empty;
    }
    document.getElementById("find-none").hidden = found > 0;
  }

  /* What is filtered for is in the address, so that it can be sent. */
  function keepFilter(value) {
    const query = value ? "?" + new URLSearchParams({ filter: value }) : "";
    history.replaceState(history.state, "", location.pathname + query);
  }

  /* Another page begins at its top; the same page with another view, and the way back, stay where they are. */
  let here = location.pathname;
  window.addEventListener("popstate", () => { here = location.pathname; });
  window.addEventListener("_dashprivate_pushstate", () => {
    if (location.pathname !== here) window.scrollTo(0, 0);
    here = location.pathname;
  });

  document.addEventListener("input", (event) => {
    if (event.target.id === "find-measure") findMeasures();
    if (event.target.id === "library-filter") keepFilter(event.target.value);
  });

  /* Enter in a field of a form does what its button does: that of the name it gives, or its first. */
  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (event.key !== "Enter" || event.isComposing || !(field instanceof HTMLInputElement)) return;
    const form = field.closest("[data-enter]");
    if (!form || field.matches("[role=combobox], [aria-haspopup], [type=checkbox], [type=radio]")) return;
    const button = document.getElementById(form.dataset.enter) || form.querySelector("button");
    /* What was typed last is known to the form a moment later. */
    setTimeout(() => { if (button && !button.disabled) button.click(); }, 60);
  });

  /* The title is the first heading of the page; a comparison writes its own. */
  function followTitle() {
    const page = document.getElementById("page");
    if (!page) return void setTimeout(followTitle, 60);
    const tell = () => {
      const heading = page.querySelector("h1, h2");
      if (heading && !document.getElementById("comparison")) document.title = heading.textContent + " · Kinscape";
    };
    new MutationObserver(tell).observe(page, { childList: true, subtree: true });
    tell();
  }

  /* A large library comes with its newest checkpoints; the others are asked for when these are there. */
  function askForOthers() {
    const page = document.getElementById("page");
    if (!page) return void setTimeout(askForOthers, 60);
    let asked = null;
    new MutationObserver(() => {
      const told = page.querySelector("#library-count[data-others]");
      if (told === null || told === asked) return;
      asked = told;
      setTimeout(() => setProps("library-changed", { data: Date.now() }), 50);
    }).observe(page, { childList: true, subtree: true });
  }

  followScheme();
  followTitle();
  askForOthers();
  window.kinscape = Object.assign(window.kinscape || {}, { setProps: setProps });
})();
