"""Networks for the demo studies: what each study asks is trained on digits, with its controls and its confounds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kinscape.demo import modular
from kinscape.demo.training import (
    Recipe,
    fresh,
    perceptron,
    pruned,
    quantised,
    taught_by,
    taught_by_noise,
    taught_in_name_by,
    train,
)
from kinscape.demo.zoo import ZooNetwork

# Five pairs are the fewest whose exact one-sided p (1/32) is below 0.05.
SEEDS = 5
# Many measures are adjusted together: 1/128.
SEEDS_OF_RECIPES = 7
# P of a direction that was not expected is doubled: 1/128 of eight is found among five measures, 1/64 of seven is not.
SEEDS_OF_SHARPNESS = 8
# Four runs of either: 1/70.
RUNS = 4
DECAYS = (2.0, 1.0)
# More makes half of these networks forget everything.
PRUNING_DECAY = 2e-3
# So long that plain training is surer than it is right, and augmentation is not.
FITTING_WIDTH, FITTING_EPOCHS = 64, 60
WIDTHS = (8, 16, 32, 64)
BATCHES = (16, 64, 256)
# Three networks are three pairs of a setting.
SEEDS_OF_SETTINGS = 3


@dataclass(frozen=True)
class DemoStudy:
    """A study with the networks that it is about.

    Attributes:
        networks: trained when they are asked for; parents and teachers come first.
        size: how many there are.
        roles: who plays which role; what is left out is filled from lineage.
        arrays: of the probe set of a role, where it is not digits.
        contrasts: beside those of the template.
    """

    template: str
    networks: Callable[[], Iterator[ZooNetwork]]
    size: int
    roles: dict[str, str] = field(default_factory=dict)
    arrays: Callable[[str], dict[str, npt.NDArray[np.generic]]] | None = None
    contrasts: tuple[tuple[str, str], ...] = ()


def _seeds() -> Iterator[ZooNetwork]:
    """Networks of one recipe that share nothing."""
    for seed in range(SEEDS_OF_RECIPES):
        yield ZooNetwork(f"seed-{seed}", "seeds", train(Recipe(init=seed, order=seed)), {"seed": str(seed)})


def _distillation() -> Iterator[ZooNetwork]:
    """Teachers, their students, and controls: the start alone, the order alone, a slip in the loss, noise."""
    for seed in range(SEEDS):
        name, tags = f"teacher-{seed}", {"seed": str(seed)}
        teacher = train(Recipe(init=seed, order=seed))
        yield ZooNetwork(name, "teacher", teacher, tags)
        student = train(Recipe(init=seed, order=100 + seed), taught_by(teacher))
        yield ZooNetwork(f"student-{seed}", "student", student, tags, {"teacher": name, "init_of": name})
        slipped = train(Recipe(init=seed, order=400 + seed), taught_in_name_by(teacher))
        own = {"teacher": name, "init_of": name}
        yield ZooNetwork(f"as-released-{seed}", "as-released", slipped, tags, own)
        sibling = train(Recipe(init=seed, order=200 + seed))
        yield ZooNetwork(f"same-init-other-order-{seed}", "same-init-other-order", sibling, tags, {"init_of": name})
        stranger = train(Recipe(init=300 + seed, order=seed))
        yield ZooNetwork(f"other-init-same-order-{seed}", "other-init-same-order", stranger, tags)
        noise = train(Recipe(init=seed, order=500 + seed), taught_by_noise)
        yield ZooNetwork(f"noise-{seed}", "noise", noise, tags, {"init_of": name})


def _compression() -> Iterator[ZooNetwork]:
    """Parents with a rounded, a pruned and a distilled copy each."""
    for seed in range(SEEDS):
        name, tags = f"parent-{seed}", {"seed": str(seed)}
        parent = train(Recipe(init=seed, order=seed))
        yield ZooNetwork(name, "parent", parent, tags)
        yield ZooNetwork(f"int4-{seed}", "int4", quantised(parent, 4), tags, {"parent": name})
        yield ZooNetwork(f"pruned-50-{seed}", "pruned-50", pruned(parent, 0.5), tags, {"parent": name})
        student = train(Recipe(init=400 + seed, order=400 + seed), taught_by(parent))
        yield ZooNetwork(f"distilled-{seed}", "distilled", student, tags, {"teacher": name})


def _sharp_minima() -> Iterator[ZooNetwork]:
    """Five recipes from the same starts and orders of data, trained until the baseline fits nearly everything."""
    recipes: dict[str, dict[str, Any]] = {
        "base": {},
        "sam": {"sam": True},
        "augmentation": {"augment": True},
        "augmentation+sam": {"augment": True, "sam": True},
        "weight-decay": {"weight_decay": 1e-3},
    }
    for seed in range(SEEDS_OF_SHARPNESS):
        for group, settings in recipes.items():
            model = train(Recipe(init=seed, order=seed, width=FITTING_WIDTH, epochs=FITTING_EPOCHS, **settings))
            lineage = {} if group == "base" else {"init_of": f"base-{seed}"}
            tags = {"seed": str(seed)}
            yield ZooNetwork(f"{group}-{seed}", group, model, tags, lineage, "mlp", perceptron(FITTING_WIDTH))


def _good_prune() -> Iterator[ZooNetwork]:
    """Networks before training, after it, and after it with weight decay."""
    for seed in range(SEEDS_OF_RECIPES):
        name, tags = f"untrained-{seed}", {"seed": str(seed)}
        yield ZooNetwork(name, "untrained", fresh(seed).eval(), tags)
        for group, decay in (("trained", 0.0), ("weight-decay", PRUNING_DECAY)):
            model = train(Recipe(init=seed, order=seed, weight_decay=decay))
            yield ZooNetwork(f"{group}-{seed}", group, model, tags, {"init_of": name})


def _population() -> Iterator[ZooNetwork]:
    """Perceptrons of several widths, trained in steps of several sizes: load and temperature."""
    for width in WIDTHS:
        for batch in BATCHES:
            for seed in range(SEEDS_OF_SETTINGS):
                model = train(Recipe(init=seed, order=seed, batch=batch, width=width))
                yield ZooNetwork(
                    f"width-{width}-batch-{batch}-{seed}",
                    f"width-{width}-batch-{batch}",
                    model,
                    {"seed": str(seed), "width": str(width), "batch": str(batch)},
                    architecture="mlp",
                    arguments=perceptron(width),
                )


def _critical_layers() -> Iterator[ZooNetwork]:
    """Trained networks and their starts."""
    for seed in range(SEEDS_OF_RECIPES):
        name, tags = f"network-{seed}", {"seed": str(seed)}
        yield ZooNetwork(name, "network", train(Recipe(init=seed, order=seed)), tags)
        yield ZooNetwork(f"start-{seed}", "start", fresh(seed).eval(), tags, {"init_of": name})


def _grokking() -> Iterator[ZooNetwork]:
    """Runs on modular addition under two strengths of weight decay."""
    for decay in DECAYS:
        for seed in range(RUNS):
            group = f"decay-{decay:g}"
            for step, model in modular.run(seed, decay):
                yield ZooNetwork(
                    f"{group}-{seed}-{step:04d}",
                    group,
                    model,
                    {"seed": str(seed)},
                    {"run": f"{group}-{seed}", "step": step},
                    "mlp",
                    modular.ARGUMENTS,
                )


STUDIES: dict[str, DemoStudy] = {
    s.template: s
    for s in (
        DemoStudy("seeds", _seeds, SEEDS_OF_RECIPES),
        DemoStudy("distillation", _distillation, 6 * SEEDS),
        DemoStudy("compression", _compression, 4 * SEEDS),
        DemoStudy("sharp-minima", _sharp_minima, 5 * SEEDS_OF_SHARPNESS),
        DemoStudy(
            "good-prune",
            _good_prune,
            3 * SEEDS_OF_RECIPES,
            {"base": "group:untrained"},
            contrasts=(("weight-decay", "trained"),),
        ),
        DemoStudy("population", _population, len(WIDTHS) * len(BATCHES) * SEEDS_OF_SETTINGS),
        DemoStudy(
            "grokking",
            _grokking,
            len(DECAYS) * RUNS * (modular.STEPS // modular.KEPT_EVERY + 1),
            arrays=lambda role: modular.pairs().arrays(role),
        ),
        DemoStudy(
            "critical-layers",
            _critical_layers,
            2 * SEEDS_OF_RECIPES,
            {"network": "group:network", "start": "group:start"},
        ),
    )
}
