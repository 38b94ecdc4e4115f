"""A tab of a comparison's page: one file in ``tabs`` defines one, as ``TAB``."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import kinscape.frontend.pages.comparison.tabs as package
from kinscape.frontend.pages.comparison.opened import OpenedComparison


@dataclass(frozen=True)
class Controls:
    """What a tab leaves to the left side of the page.

    Attributes:
        sides: whether there are choices on the left and the selected pair on the right at all.
        readings: whether numbers may be read above chance or against seeds.
        measure: whether another measure is shown in the same tab (else in the matrix).
        selection: whether the numbers of the selected pair stand on the right (the tab of a pair shows them itself).
    """

    sides: bool = True
    readings: bool = False
    measure: bool = False
    selection: bool = True


@dataclass(frozen=True)
class Tab:
    """One picture of a comparison.

    Attributes:
        key: its name in the address, and of its file.
        position: where it stands among the tabs.
        draw: the picture, given the opened comparison and ``light`` or ``dark``; None where the browser draws it
            from the numbers that it has (``frontend/browser``).
    """

    key: str
    title: str
    position: int
    draw: Callable[[OpenedComparison, str], Any] | None
    controls: Controls = Controls()

    def told(self) -> dict[str, Any]:
        """What the browser has to know of it."""
        return {"key": self.key, "title": self.title, "is_drawn_here": self.draw is None, **asdict(self.controls)}


@cache
def tabs() -> dict[str, Tab]:
    """Every tab by its key, in the order in which they are shown."""
    names = [info.name for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    found: list[Tab] = [importlib.import_module(name).TAB for name in names]
    return {tab.key: tab for tab in sorted(found, key=lambda tab: tab.position)}
