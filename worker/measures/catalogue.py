"""All measures of this package, found by looking at its files."""

import importlib
import pkgutil
from functools import cache

import kinscape.worker.measures as package
from kinscape.worker.evaluation.measure import Measure


@cache
def catalogue() -> dict[str, Measure]:
    """Every measure by slug, sorted by family and slug."""
    found: dict[str, Measure] = {}
    prefix = f"{package.__name__}."
    for info in pkgutil.walk_packages(package.__path__, prefix):
        # Measures lie in the folders of their families.
        if info.ispkg or "." not in info.name.removeprefix(prefix):
            continue
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, Measure) and value.compute.__module__ == info.name:
                slug = value.card.slug
                if slug in found:
                    raise ValueError(f"Two files define the measure {slug!r}; slugs are unique.")
                found[slug] = value
    return dict(sorted(found.items(), key=lambda item: (item[1].card.family, item[0])))
