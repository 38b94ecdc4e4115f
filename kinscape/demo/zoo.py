"""Who lives in the zoo, and how they are related."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from kinscape.demo.training import Recipe, fresh, pruned, quantised, taught_by, train

REFERENCE = "sgd-0"


@dataclass(frozen=True)
class ZooNetwork:
    """One network with what is said about it."""

    name: str
    group: str
    model: nn.Module
    tags: dict[str, str] = field(default_factory=dict)
    lineage: dict[str, Any] = field(default_factory=dict)
    architecture: str = "lenet"
    arguments: dict[str, int] = field(default_factory=lambda: {"classes": 10})


def zoo() -> Iterator[ZooNetwork]:
    """Every network, trained when it is asked for; parents and teachers come first."""
    reference = train(Recipe(init=0, order=0))
    yield ZooNetwork(REFERENCE, "sgd", reference, {"seed": "0", "optimiser": "sgd"})
    for seed in range(1, 5):
        yield _trained(f"sgd-{seed}", "sgd", Recipe(init=seed, order=seed), seed, "sgd")
    for seed in range(3):
        own = 10 + seed
        yield _trained(f"sam-{seed}", "sam", Recipe(init=own, order=own, sam=True), seed, "sam")
    for seed in range(3):
        own = 20 + seed
        recipe = Recipe(init=own, order=own, weight_decay=1e-3)
        yield _trained(f"weight-decay-{seed}", "weight-decay", recipe, seed, "sgd")
    for seed in range(3):
        own = 30 + seed
        yield _trained(f"augmentation-{seed}", "augmentation", Recipe(init=own, order=own, augment=True), seed, "sgd")
    yield from _relatives(reference)


def _trained(name: str, group: str, recipe: Recipe, seed: int, optimiser: str) -> ZooNetwork:
    return ZooNetwork(name, group, train(recipe), {"seed": str(seed), "optimiser": optimiser})


def _relatives(reference: nn.Module) -> Iterator[ZooNetwork]:
    taught = {"teacher": REFERENCE}
    student = train(Recipe(init=0, order=40), taught_by(reference))
    yield _one("distilled-same-init", student, {**taught, "init_of": REFERENCE})
    yield _one("distilled-other-init", train(Recipe(init=41, order=41), taught_by(reference)), taught)
    yield _one("same-init-other-order", train(Recipe(init=0, order=50)), {"init_of": REFERENCE})
    yield _one("other-init-same-order", train(Recipe(init=51, order=0)), {})
    for percent in (10, 50, 90):
        yield _one(f"pruned-{percent}", pruned(reference, percent / 100), {"parent": REFERENCE})
    for bits in (8, 4):
        yield _one(f"int{bits}", quantised(reference, bits), {"parent": REFERENCE})
    yield _one("untrained", fresh(0).eval(), {"init_of": REFERENCE})


def _one(name: str, model: nn.Module, lineage: dict[str, Any]) -> ZooNetwork:
    return ZooNetwork(name, name, model, {}, lineage)
