"""A comparison's page as a widget of a notebook: what is selected there is known here (needs ``anywidget``)."""

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

# The page is a file without a server in a frame of its own; it may run its script and nothing else.
SCRIPT = """
export default {
  render({ model, el }) {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.title = "Comparison";
    frame.style.cssText = "width:100%;border:0;height:" + model.get("height") + "px";
    frame.srcdoc = model.get("page");
    const show = () => frame.contentWindow?.postMessage({ kinscape: "show", view: model.get("view") }, "*");
    const hear = (event) => {
      if (event.source !== frame.contentWindow || event.data?.kinscape !== "selection") return;
      model.set("selection", event.data.selection);
      model.set("view", event.data.selection.view);
      model.save_changes();
    };
    const grow = () => { frame.style.height = model.get("height") + "px"; };
    window.addEventListener("message", hear);
    model.on("change:view", show);
    model.on("change:height", grow);
    el.append(frame);
    return () => {
      window.removeEventListener("message", hear);
      model.off("change:view", show);
      model.off("change:height", grow);
    };
  },
};
"""


class ComparisonWidget(anywidget.AnyWidget):
    """The page in a notebook; ``observe`` tells of each other ``selection``.

    Attributes:
        height: in pixels.
        view: what it shows, as the query of an address; set it to show something else.
        selection: what is selected: ``measure``, ``layer``, the names ``selected`` (none, a checkpoint, or the two of
            a cell), the names of a block in ``rows`` and ``columns``, and the whole ``view``.
    """

    _esm = SCRIPT
    page = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(760).tag(sync=True)
    view = traitlets.Unicode("").tag(sync=True)
    selection = traitlets.Dict().tag(sync=True)

    def __init__(self, page: str, *, height: int, view: str = "") -> None:
        super().__init__(page=page, height=height, view=view)

    @property
    def selected(self) -> list[str]:
        """Names of the selected checkpoint, or of the two of the selected cell."""
        return self._names("selected")

    @property
    def block(self) -> tuple[list[str], list[str]]:
        """Names of the rows and of the columns of the selected block."""
        return self._names("rows"), self._names("columns")

    def _names(self, key: str) -> list[str]:
        names: Sequence[Any] = self.selection.get(key, ())
        return [str(name) for name in names]
