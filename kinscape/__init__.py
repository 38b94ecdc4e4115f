"""Compare trained networks: their predictions, their representations, and the minima they sit in.

Importing stays light: torch and the dashboard load when something that needs them is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinscape.client import Client
    from kinscape.library import build, matrices, measure, measures
    from kinscape.recording import record

__all__ = ["Client", "build", "matrices", "measure", "measures", "record"]
__version__ = "0.1.0"

_HOMES = {
    "Client": "kinscape.client",
    "build": "kinscape.library",
    "matrices": "kinscape.library",
    "measure": "kinscape.library",
    "measures": "kinscape.library",
    "record": "kinscape.recording",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kinscape' has no attribute {name!r}")
    try:
        home = importlib.import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        if name in ("Client", "record") or (error.name or "").startswith("kinscape"):
            raise
        raise ModuleNotFoundError(
            f"kinscape.{name} needs {error.name}: pip install 'kinscape[measures]'", name=error.name
        ) from error
    return getattr(home, name)
