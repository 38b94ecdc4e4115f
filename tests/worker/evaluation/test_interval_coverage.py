"""Intervals cover what they are about as often as they say, wherever the card calls them reliable."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinscape import measure, measures
from kinscape.backend.contracts.cards import Arity, Family, Input, Role, Uncertainty
from tests.worker.networks import explicit_hessian, small_networks, trained_mlp

DRAWS, SAMPLES, WIDTH, CLASSES = 120, 400, 6, 5
FEWER_DRAWS = {"rsa-geodesic": 20}  # seconds each
# Neighbourhoods and paths are not smooth: their intervals come out too wide, as their cards say.
SAMPLED = [
    slug
    for slug, c in measures().items()
    if c.uncertainty is not Uncertainty.EXACT
    and c.input in (Input.FEATURES, Input.OUTPUTS)
    and c.arity is Arity.PAIR
    and not c.references[0]
]


def features(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two layers of a population of samples that share half of what they see."""
    mixing = np.random.default_rng(1).normal(size=(2, WIDTH, WIDTH))
    base = rng.normal(size=(SAMPLES, WIDTH))
    x, y = (base @ m + 1.5 * rng.normal(size=(SAMPLES, WIDTH)) for m in mixing)
    return x, y


def answers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two models of a population of samples that are right more often than not."""
    base = rng.normal(size=(SAMPLES, CLASSES)) * 2
    labels = (base + rng.gumbel(size=(SAMPLES, CLASSES))).argmax(1)
    return base + rng.normal(size=base.shape), base + rng.normal(size=base.shape), labels


@pytest.mark.slow
@pytest.mark.parametrize("slug", SAMPLED)
def test_intervals_cover_the_expectation_of_the_estimator(slug: str) -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(FEWER_DRAWS.get(slug, DRAWS)):
        if measures()[slug].input is Input.FEATURES:
            found.append(measure(slug)(*features(rng)))
        else:
            a, b, y = answers(rng)
            found.append(measure(slug)(a, b, labels=y))
    middle = np.mean([f.value for f in found])
    covered = np.mean([f.low <= middle <= f.high for f in found])
    # 95 % of 120 draws lie above 88 % with probability 0.998, of 20 above 75 % with 0.997.
    assert covered >= (0.75 if slug in FEWER_DRAWS else 0.88), f"{slug}: {covered:.0%}"
    assert covered <= 0.99 or measures()[slug].uncertainty is not Uncertainty.MEAN_JACKKNIFE


# Biased estimators: their intervals speak of sampling, not of the bias, as their cards say. The interval is
# about the estimator's own expectation, so bias does not matter here; a maximum over draws is not smooth.
ROUGH = {"sam-sharpness-random-max", "mce", "pac-bayes-sigma", "loss-plane", "layer-reset-random"}
MINIMA = [
    slug
    for slug, c in measures().items()
    if c.input is Input.NETWORK
    and c.arity is Arity.MODEL
    and c.uncertainty is not Uncertainty.EXACT
    and slug not in {*ROUGH, "corruption-accuracy"}
]
CONFIDENCE = [
    slug
    for slug, c in measures().items()
    if c.family is Family.CALIBRATION and c.input is Input.OUTPUTS and c.role is not Role.BOTH and slug not in ROUGH
]


def population(rng: torch.Generator) -> tuple[nn.Module, Tensor, Tensor]:
    """One network and samples of its population, some labels wrong."""
    module, _, _ = trained_mlp()
    x = torch.randn(300, 6, generator=rng, dtype=torch.float64)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    wrong = torch.rand(300, generator=rng) < 0.1
    return module, x, torch.where(wrong, (y + 1) % 3, y)


@pytest.mark.slow
@pytest.mark.parametrize("slug", MINIMA)
def test_intervals_of_minima_cover_the_expectation_of_the_estimator(slug: str) -> None:
    rng = torch.Generator().manual_seed(5)
    few = {"draws": 8} if any(p.name == "draws" for p in measures()[slug].parameters) else {}
    found = [measure(slug)(*population(rng), **few) for _ in range(80)]
    middle = np.mean([f.value for f in found])
    covered = np.mean([f.low <= middle <= f.high for f in found])
    # 95 % of 80 draws lie above 86 % with probability 0.998.
    assert covered >= 0.86, f"{slug}: {covered:.0%}"


@pytest.mark.slow
@pytest.mark.parametrize("slug", CONFIDENCE)
def test_intervals_of_confidence_cover_the_expectation_of_the_estimator(slug: str) -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(DRAWS):
        a, _, y = answers(rng)
        found.append(measure(slug)(a, y))
    middle = np.mean([f.value for f in found])
    covered = np.mean([f.low <= middle <= f.high for f in found])
    assert covered >= 0.88, f"{slug}: {covered:.0%}"


@pytest.mark.slow
def test_errors_over_draws_cover_the_truth() -> None:
    module, shape, _ = small_networks()["attention"]
    module = module.double().eval()
    rng = torch.Generator().manual_seed(1)
    x, y = torch.randn(24, *shape, generator=rng, dtype=torch.float64), torch.randint(0, 3, (24,), generator=rng)
    hessian = explicit_hessian(module, x, y)
    for slug, truth, settings in (
        ("hessian-trace", float(hessian.trace()), {"probes": 30}),
        ("hessian-density", float(hessian.norm()), {"probes": 30, "steps": 3}),
    ):
        found = [measure(slug)(module, x, y, seed=s, intervals=False, **settings) for s in range(60)]
        inside = np.mean([abs(f.value - truth) <= 2.05 * f.monte_carlo_error for f in found])
        # 95 % of 60 draws lie above 85 % with probability 0.995.
        assert inside >= 0.85, f"{slug}: {inside:.0%}"
