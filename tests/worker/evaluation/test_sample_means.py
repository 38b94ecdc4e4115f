"""Measures of answers over many pairs are those of each pair, whichever pairs are asked and however samples are cut."""

from itertools import permutations

import pytest
import torch

from kinscape import measure
from kinscape.worker.evaluation import sample_means
from kinscape.worker.evaluation.batch import Batch
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.evaluation.results import results_of
from kinscape.worker.evaluation.sample_means import SampleMeans
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.catalogue import catalogue

SAMPLES, CLASSES = 90, 5
SLUGS = [s for s, m in catalogue().items() if isinstance(m.all_pairs, SampleMeans)]
NAMES = range(5)
ROW = [(2, n) for n in NAMES if n != 2]
ALL_FLIPPED = [(b, a) for k, a in enumerate(NAMES) for b in NAMES[k + 1 :]]
ASKED = {
    "all": [(a, b) for k, a in enumerate(NAMES) for b in NAMES[k + 1 :]],
    "all, the other way round": ALL_FLIPPED[::-1],
    "both ways": list(permutations(NAMES, 2)),
    "one row": ROW,
    "some": [(0, 1), (4, 1), (3, 0)],
    "with themselves": [*ALL_FLIPPED, (1, 1), (4, 4)],
    "one with itself": [(1, 1)],
}


def outputs() -> dict[int, Outputs]:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, CLASSES, (SAMPLES,), generator=rng)
    base = 2 * torch.nn.functional.one_hot(labels, CLASSES).double()
    return {n: Outputs(base + torch.randn(SAMPLES, CLASSES, generator=rng, dtype=torch.float64), labels) for n in NAMES}


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("asked", ASKED)
def test_many_pairs_are_each_pair(slug: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, data, pairs = catalogue()[slug], outputs(), ASKED[asked]
    settings = one.card.settings({})
    groups = row_groups(SAMPLES, count=4)
    whole = results_of(one, Batch(data, None, pairs, groups), settings)
    # A few rows at once, so that groups are cut as well.
    monkeypatch.setattr(sample_means, "CACHED_BYTES", 1)
    monkeypatch.setattr(sample_means, "FEWEST_ROWS", 7)
    cut = results_of(one, Batch(data, None, pairs, groups), settings)
    apart = results_of(one, Batch(data, dict(data), pairs, groups), settings)
    for found in (whole, cut, apart):
        assert found.replicates is not None
        for k, (a, b) in enumerate(pairs):
            value = one.compute(*[one.prepare(data[n], **settings) for n in (a, b)], **settings)
            assert float(found.values[k]) == pytest.approx(float(value), abs=1e-8), (a, b)
            less = [one.prepare(data[n].rows(torch.cat([*groups[:2], groups[3]])), **settings) for n in (a, b)]
            assert float(found.replicates[2, k]) == pytest.approx(float(one.compute(*less, **settings)), abs=1e-8)


def test_orders_with_ties_are_compared_without_them() -> None:
    z = torch.tensor([[3.0, 1.0, 1.0], [2.0, 2.0, 0.0], [0.0, 1.0, 2.0]], dtype=torch.float64)
    other = torch.tensor([[3.0, 2.0, 1.0], [2.0, 2.0, 0.0], [0.0, 1.0, 2.0]], dtype=torch.float64)
    right = (2 / 6**0.5 + 1 + 1) / 3  # tau-b by hand: two of three pairs of the first sample are no tie
    assert measure("class-order-kendall")(z, other, intervals=False).value == pytest.approx(right)
    assert measure("class-order-kendall").matrix([z, other], intervals=False).values[0, 1] == pytest.approx(right)


def test_ranks_of_many_classes_differ_where_they_do() -> None:
    z = torch.arange(300.0).repeat(4, 1)
    other = z.clone()
    # Classes change places whose numbers are the same in a byte, the likeliest of them in the second sample.
    other[0, [0, 256]] = other[0, [256, 0]]
    other[1, [43, 299]] = other[1, [299, 43]]
    found = measure("rank-disagreement").matrix([z, other, z], intervals=False).values
    assert found[0, 1] == pytest.approx(4 / 1200)
    assert found[0, 2] == 0
    assert measure("rank-disagreement").matrix([z, other], intervals=False, k=1).values[0, 1] == pytest.approx(1 / 4)


def test_models_that_have_no_number_leave_the_others_theirs() -> None:
    data = outputs()
    logits = [o.logits for o in data.values()]
    logits[1] = torch.zeros_like(logits[1])
    for slug in ("logit-correlation", "class-order-kendall"):
        found = measure(slug).matrix(logits, intervals=False)
        left = measure(slug).matrix([z for k, z in enumerate(logits) if k != 1], intervals=False).values
        assert (0, 1) in found.reasons
        assert found.values[[0, 2, 3, 4]][:, [0, 2, 3, 4]] == pytest.approx(left)
