"""The view: everything on the screen that an address has to bring back."""

import pkgutil
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

# Every file there is a tab (frontend/pages/comparison/tab.py); only their names are read here.
TABS = tuple(sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "pages/comparison/tabs")])))
ORDERS = ("alike", "group", "name", "added")
SCALES = ("rank", "fit", "full")
READINGS = ("raw", "above-chance", "against-seeds")
CONTROLS = ("raw", "held")
TEXTS = ("measure", "layer", "g", "h", "single", "outcome")
NUMBERS = ("a", "b", "c", "d")
# A parameter of an address that is longer is not one of ours.
LONGEST = 300


@dataclass(frozen=True)
class View:
    """What a comparison's page shows.

    Attributes:
        tab: which picture.
        measure, layer: what the picture is of; empty means the comparison's first.
        order: how rows are sorted; ``alike`` is the seriated order.
        scale: whether colours are spread evenly over the values by rank, or span the values, or the whole range.
        reading: whether numbers are shown raw, above chance, or against independent seeds.
        a, b: selected checkpoints, 0 for none.
        g, h: groups that are tested against one another.
        single, outcome: measures of single models: whose layers, or what against what.
        held: whether associations are shown raw or controlling for train loss.
        c, d: the pair that is held, to compare the selected one with; 0 for none.
    """

    tab: str = "matrix"
    measure: str = ""
    layer: str = ""
    order: str = "alike"
    scale: str = "rank"
    reading: str = "raw"
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    g: str = ""
    h: str = ""
    single: str = ""
    outcome: str = ""
    held: str = "raw"

    @classmethod
    def of(cls, query: str | None) -> Self:
        """The view that an address names; what it does not name, or names wrongly, is the default."""
        found: dict[str, Any] = {}
        allowed = {"tab": TABS, "order": ORDERS, "scale": SCALES, "reading": READINGS, "held": CONTROLS}
        for key, value in parse_qsl((query or "").lstrip("?")):
            if (key in allowed and value in allowed[key]) or (key in TEXTS and len(value) <= LONGEST):
                found[key] = value
            elif key in NUMBERS and value.isascii() and value.isdecimal() and len(value) < 19:
                found[key] = int(value)
        return cls(**found)

    def query(self) -> str:
        """The address's part after the question mark, only what differs from the default."""
        blank = type(self)()
        changed = {
            f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(blank, f.name)
        }
        return f"?{urlencode(changed)}" if changed else ""

    def but(self, **changes: Any) -> Self:
        """The same view with something else selected."""
        return replace(self, **changes)
