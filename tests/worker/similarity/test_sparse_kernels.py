"""Measures that need no matrix of all samples give what the whole matrices give."""

import numpy as np
import pytest
import torch

from kinscape import measure
from kinscape.worker.evaluation.intervals import others, row_groups
from kinscape.worker.measures.catalogue import catalogue
from kinscape.worker.measures.representational import cknna, rsm_norm_difference
from kinscape.worker.similarity import neighbourhoods

ROOMS = [
    (cknna, "ENTRIES_AT_ONCE"),
    (neighbourhoods, "CACHED_ENTRIES"),
    (neighbourhoods, "ENTRIES_AT_ONCE"),
    (neighbourhoods, "HELD_BYTES"),
    (rsm_norm_difference, "STRIP_BYTES"),
]


def layers(samples: int = 60) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    base = torch.randn(samples, 12, generator=rng)
    return [base + 0.7 * torch.randn(samples, 12, generator=rng) for _ in range(4)]


@pytest.mark.parametrize(
    ("slug", "settings"),
    [("cknna", {"k": 7}), *[("rsm-norm-difference", {"inner": i}) for i in ("dot", "cosine", "euclidean")]],
)
def test_little_room_changes_nothing(slug: str, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    one, xs = catalogue()[slug], layers()
    roomy = measure(slug).matrix(xs, **settings)
    for where, name in ROOMS:
        monkeypatch.setattr(where, name, 500)
    tight = measure(slug).matrix(xs, **settings)
    assert tight.replicates == pytest.approx(roomy.replicates, rel=1e-9, nan_ok=True)
    whole = [one.prepare(x, **one.card.settings(settings)) for x in xs]
    for i, j in ((0, 1), (2, 1), (0, 3)):
        assert tight.values[i, j] == pytest.approx(float(one.compute(whole[i], whole[j])), rel=1e-9)


def test_layers_that_are_equal_differ_by_nothing() -> None:
    x = 100 + layers()[0]
    assert measure("rsm-norm-difference").matrix([x, x.clone()]).high[0, 1] == 0


def test_too_few_samples_for_the_unbiased_estimator_are_a_reason() -> None:
    found = measure("cknna").matrix([x[:3] for x in layers()[:2]], k=1)
    assert "at least 4 samples" in found.reasons[0, 1]


def test_groups_that_leave_too_few_samples_leave_no_interval() -> None:
    found = measure("cknna").matrix([x[:4] for x in layers()[:2]], k=1)
    assert np.isfinite(found.values[0, 1])
    assert np.isnan(found.replicates[:, 0, 1]).all()
    assert np.isnan(found.low[0, 1])


def test_a_sample_far_larger_than_the_others_leaves_with_its_digits() -> None:
    x, y = (z.double() for z in layers()[:2])
    x[7] *= 1e6
    groups = row_groups(60)
    place = next(g for g, group in enumerate(groups) if 7 in group)
    rows = others(groups, place)
    right = float((x[rows] @ x[rows].T - y[rows] @ y[rows].T).norm() / len(rows))
    assert measure("rsm-norm-difference").matrix([x, y]).replicates[place, 0, 1] == pytest.approx(right, rel=1e-9)
