/* What the browser does by itself: light or dark, progress by push. */
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

  /* One event source at a time, for the comparison on the page; at most one redraw a second. */
  let source = null, watched = "", pending = null, last = 0;

  function publish(data) {
    pending = data;
    const wait = Math.max(0, 1000 - (Date.now() - last));
    setTimeout(() => {
      if (!pending) return;
      last = Date.now();
      setProps("live", { data: pending });
      pending = null;
    }, wait);
  }

  function watch() {
    const mark = document.getElementById("watch");
    const wanted = mark ? mark.dataset.comparison || "" : "";
    if (wanted === watched) return;
    if (source) source.close();
    source = null;
    watched = wanted;
    if (!wanted) return;
    source = new EventSource("/api/v1/comparisons/" + wanted + "/events");
    source.onmessage = (message) => {
      const data = JSON.parse(message.data);
      publish(data);
      if (data.state !== "running") source.close();
    };
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

  document.addEventListener("input", (event) => {
    if (event.target.id === "find-measure") findMeasures();
  });

  followScheme();
  setInterval(watch, 400);
  window.kinscape = Object.assign(window.kinscape || {}, { setProps: setProps });
})();
