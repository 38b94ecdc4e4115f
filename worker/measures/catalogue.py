"""All measures of this package, found by looking at its files."""

import importlib
import pkgutil
from functools import cache

import worker.measures
from worker.evaluation.measure import Measure


@cache
def catalogue() -> dict[str, Measure]:
    """Every measure by slug, sorted by family and slug."""
    found: dict[str, Measure] = {}
    for info in pkgutil.walk_packages(worker.measures.__path__, "worker.measures."):
        if info.ispkg or info.name.count(".") < 3:
            continue
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, Measure) and value.compute.__module__ == info.name:
                slug = value.card.slug
                if slug in found:
                    raise ValueError(f"Two files define the measure {slug!r}; slugs are unique.")
                found[slug] = value
    return dict(sorted(found.items(), key=lambda item: (item[1].card.family, item[0])))
