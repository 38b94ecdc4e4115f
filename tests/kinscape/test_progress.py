"""Whoever waits is told how far it is."""

import pytest
import torch

from kinscape import measure
from tests.worker.similarity.test_hsic_of_positions import maps

FEATURES = [maps(60, 1, 6, seed=s)[:, 0] for s in range(6)]


@pytest.mark.parametrize("slug", ["linear-cka", "rbf-cka", "knn-jaccard", "mean-cca", "procrustes", "soft-matching"])
def test_shares_grow_from_nothing_to_all(slug: str) -> None:
    heard: list[float] = []
    found = measure(slug).matrix(FEATURES, intervals=False, progress=heard.append)
    assert heard
    assert heard == sorted(heard)
    assert heard[0] > 0
    assert heard[-1] == pytest.approx(1)
    plain = measure(slug).matrix(FEATURES, intervals=False)
    assert torch.equal(torch.from_numpy(found.values), torch.from_numpy(plain.values))


def test_answers_tell_too_and_a_listener_that_breaks_ends_the_call_alone() -> None:
    logits = [torch.randn(4000, 10, generator=torch.Generator().manual_seed(s)) for s in range(30)]
    heard: list[float] = []
    measure("total-variation").matrix(logits, progress=heard.append)
    assert len(heard) >= 20
    assert heard[-1] == pytest.approx(1)

    def stop(share: float) -> None:
        raise KeyboardInterrupt(f"at {share:.2f}")

    with pytest.raises(KeyboardInterrupt):
        measure("total-variation").matrix(logits, progress=stop)
    before = len(heard)
    measure("total-variation").matrix(logits)
    assert len(heard) == before
