"""The view: everything on the screen that an address has to bring back.

``frontend/browser/view.ts`` says the same to the browser; a test holds both against one another.
"""

import pkgutil
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

# Every file there is a tab (frontend/pages/comparison/tab.py); only their names are read here.
TABS = tuple(sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "pages/comparison/tabs")])))
ORDERS = ("alike", "group", "name", "added")
SCALES = ("fixed", "rank", "fit", "full")
READINGS = ("raw", "above-chance", "against-seeds")
CONTROLS = ("raw", "held")
SURE = ("", "width", "fade", "seeds")
WAYS = ("down", "up")
INTERVALS = ("shown", "hidden")
TEXTS = ("measure", "layer", "g", "h", "single", "outcome", "columns", "strips", "x", "y", "find")
NUMBERS = ("a", "b", "c", "d", "skip")
# What opens where an address names no view at all.
FIRST = "summary"
# An order by a column of single models is called after it.
BY = "by:"
LIST = re.compile(r"[0-9]+(,[0-9]+)*")
BLOCK = re.compile(r"[0-9]+(,[0-9]+)*;[0-9]+(,[0-9]+)*")
CUT = re.compile(r"[2-9]|[1-9][0-9]")
WHICH = re.compile(r"only-a|only-b|both-wrong|[0-9]{1,5}-[0-9]{1,5}")
WINDOW = re.compile(r"[0-9]+-[0-9]+,[0-9]+-[0-9]+")
PLACE = r"-?[0-9]{1,12}(\.[0-9]{1,12})?"
# Enlarged at least once, and not a thousand times.
FRAME = re.compile(rf"{PLACE},{PLACE},[1-9][0-9]{{0,2}}(\.[0-9]{{1,12}})?")
# A parameter of an address that is longer is not one of ours.
LONGEST = 300
LONGEST_LIST = 4000


@dataclass(frozen=True)
class View:
    """What a comparison's page shows.

    Attributes:
        tab: which picture.
        measure, layer: what the picture is of; empty means the comparison's first.
        order: how rows are sorted; ``alike`` is the seriated order, ``by:`` a measure that of its numbers.
        way: whether an order by anything but the dendrogram begins with its first or with its last.
        scale: whether colours have one fixed scale with a robust end, are spread evenly over the values by rank, or
            span the values, or the whole range.
        reading: whether numbers are shown raw, above chance, or against independent seeds.
        sure: how certain the numbers are: not shown, as width below the diagonal, by fading, or by dots on cells that
            cannot be told from pairs of independent seeds.
        columns: which measures of single models stand beside the matrix: a family, ``all``, ``none``, the key ones, or
            columns by their names with semicolons: ``accuracy;layer-norms@fc1``.
        intervals: whether tables show 95 % intervals.
        find: words that a checkpoint's name, group or tags must have to stand in the table.
        frame: what is seen of the map: its middle, and how many times it is enlarged: ``0.1,-0.2,4``.
        aside: checkpoints that are left out of the picture, as numbers with commas.
        zoom: rows and columns that are shown, as positions.
        block: selected rows and columns, as numbers of checkpoints: ``1,2;3,4``.
        cut: into how many clusters the dendrogram is cut.
        strips: what colours the strips beside rows and columns: ``group``, ``none``, or names of tags with commas.
        a, b: selected checkpoints, 0 for both or the second for none.
        which: which samples of the selected pair are listed: on which one alone is right, or neither, or two classes
            as the first and the second predict them (``3-5``); empty for all that differ.
        skip: how many of these samples come before those that are listed.
        g, h: groups that are tested against one another.
        single, outcome: measures of single models: whose layers, or what against what.
        held: whether associations are shown raw or controlling for train loss.
        x, y: numbers that the scatter sets against one another: measures, with ``@layer`` where they have layers; ``y``
            may be ``distribution``.
        c, d: the pair that is held, to compare the selected one with; 0 for none.
    """

    tab: str = "matrix"
    measure: str = ""
    layer: str = ""
    order: str = "alike"
    way: str = "down"
    scale: str = "fixed"
    reading: str = "raw"
    sure: str = ""
    columns: str = ""
    intervals: str = "shown"
    find: str = ""
    frame: str = ""
    aside: str = ""
    zoom: str = ""
    block: str = ""
    cut: str = ""
    strips: str = ""
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    which: str = ""
    skip: int = 0
    g: str = ""
    h: str = ""
    single: str = ""
    outcome: str = ""
    held: str = "raw"
    x: str = ""
    y: str = ""

    @classmethod
    def of(cls, query: str | None) -> Self:
        """The view that an address names; what it does not name, or names wrongly, is the default."""
        named = parse_qsl((query or "").lstrip("?"))
        found: dict[str, Any] = {} if named else {"tab": FIRST}
        for key, value in named:
            if key in NUMBERS:
                if value.isascii() and value.isdecimal() and len(value) < 16:
                    found[key] = int(value)
            elif _fits(key, value):
                found[key] = value
        return cls(**found)

    def query(self) -> str:
        """The address's part from the question mark on: the tab, and what else differs from the default."""
        blank = type(self)()
        changed = {
            f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(blank, f.name)
        }
        return f"?{urlencode({'tab': self.tab, **changed})}"

    def but(self, **changes: Any) -> Self:
        """The same view with something else selected."""
        return replace(self, **changes)


ALLOWED = {
    "tab": TABS,
    "scale": SCALES,
    "reading": READINGS,
    "held": CONTROLS,
    "sure": SURE,
    "way": WAYS,
    "intervals": INTERVALS,
}
# What a part looks like, and how long it may be.
WRITTEN = {
    "aside": (LIST, LONGEST_LIST),
    "block": (BLOCK, 2 * LONGEST_LIST),
    "cut": (CUT, LONGEST),
    "which": (WHICH, LONGEST),
    "zoom": (WINDOW, LONGEST),
    "frame": (FRAME, LONGEST),
}


def _fits(key: str, value: str) -> bool:
    if key in ALLOWED:
        return value in ALLOWED[key]
    if key == "order":
        return value in ORDERS or (value.startswith(BY) and len(value) <= LONGEST)
    if key in WRITTEN:
        pattern, longest = WRITTEN[key]
        return len(value) <= longest and pattern.fullmatch(value) is not None
    return key in TEXTS and len(value) <= (LONGEST_LIST if key == "columns" else LONGEST)
