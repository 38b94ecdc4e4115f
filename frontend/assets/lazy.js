/* What only some pages need comes when it is first drawn: plotly (1.5 MB) and the table of the library (1.3 MB). */
(function () {
  "use strict";

  /* Where the renderer finds plotly when the first figure is drawn; its own bundle has every kind of trace. */
  Object.defineProperty(window, "_dashPlotlyJSURL", {
    get: () => "/assets/vendor/plotly-cartesian.min.js",
    set: () => undefined,
  });

  const TABLE = "/_dash-component-suites/dash_ag_grid/dash_ag_grid.min.js";
  const stub = { AgGrid: LazyGrid };
  let real = null, coming = null;

  function bring() {
    coming = coming || new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = TABLE;
      script.onload = () => {
        real = window.dash_ag_grid;
        /* One component before and after, so that a table on the page is not made anew. */
        Object.assign(stub, real, { AgGrid: LazyGrid });
        window.dash_ag_grid = stub;
        done();
      };
      script.onerror = () => { coming = null; fail(new Error("The table could not be loaded.")); };
      document.head.append(script);
    });
    return coming;
  }

  /* A page that begins with a table needs it at once, and what it brings itself. */
  if (/^\/projects\/\d+(\/compare)?$/.test(location.pathname)) {
    for (const href of [TABLE, TABLE.replace("dash_ag_grid.min", "async-community")]) {
      document.head.append(Object.assign(document.createElement("link"), { rel: "preload", as: "script", href: href }));
    }
    window.addEventListener("DOMContentLoaded", () => setTimeout(bring, 0));
  }

  function LazyGrid(props) {
    const [isThere, tell] = window.React.useState(real !== null);
    window.React.useEffect(() => {
      let isWanted = true;
      if (!isThere) bring().then(() => { if (isWanted) tell(true); });
      return () => { isWanted = false; };
    }, []);
    if (!isThere) return window.React.createElement("div", { className: "skeleton", style: props.style, "aria-busy": "true" });
    return window.React.createElement(real.AgGrid, props);
  }

  window.dash_ag_grid = stub;
})();
