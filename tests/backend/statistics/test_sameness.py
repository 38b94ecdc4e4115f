"""Shared tensors and stray steps, on runs that were trained and on runs that were spoiled."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from kinscape.backend.statistics import sameness

Numbers = npt.NDArray[np.float64]


def test_the_share_counts_values_and_not_tensors() -> None:
    a, b, c = (np.array(h, np.uint64) for h in ([1, 2, 3], [1, 2, 4], [9, 8, 7]))
    sizes = [np.array([1000.0, 100.0, 20.0])] * 3
    found = sameness.shares([a, b, c], sizes)
    assert found[0, 1] == found[1, 0] == pytest.approx(1100 / 1120)
    assert found[0, 2] == 0
    assert np.diag(found) == pytest.approx([1, 1, 1])


def test_counters_are_not_counted_unless_there_is_nothing_else() -> None:
    large = np.array([1000.0, 1.0])
    found = sameness.shares([np.array([1, 5], np.uint64), np.array([2, 5], np.uint64)], [large, large])
    assert found[0, 1] == 0
    small = np.array([2.0, 1.0])
    found = sameness.shares([np.array([1, 5], np.uint64), np.array([2, 5], np.uint64)], [small, small])
    assert found[0, 1] == pytest.approx(1 / 3)


def test_a_part_of_a_larger_file_is_whole_in_it() -> None:
    part, whole = np.array([1], np.uint64), np.array([1, 2], np.uint64)
    found = sameness.shares([part, whole], [np.array([100.0]), np.array([100.0, 300.0])])
    assert found.tolist() == [[1, 1], [0.25, 1]]


def test_no_files_share_nothing() -> None:
    assert sameness.shares([], []).shape == (0, 0)


def trained(seed: int, *, rate: float, momentum: float, every: int, steps: int, conv: bool) -> Numbers:
    """Weights of a run at even steps, ``(steps, weights)``."""
    torch.manual_seed(seed)
    x = torch.randn(256, 1, 8, 8)
    y = (x.flatten(1) @ torch.randn(64, 4)).argmax(1)
    if conv:
        parts: list[nn.Module] = [nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 4)]
    else:
        parts = [nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 4)]
    net = nn.Sequential(*parts)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)
    kept = []
    for step in range(steps * every):
        if step % every == 0:
            kept.append(torch.cat([p.detach().flatten() for p in net.parameters()]).double().numpy().copy())
        rows = torch.randint(0, 256, (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
    return np.array(kept)


RUNS = [
    {"seed": k, "rate": rate, "momentum": momentum, "every": every, "steps": 30, "conv": conv}
    for k, (rate, momentum, every, conv) in enumerate(
        (rate, momentum, every, conv)
        for rate, momentum in ((0.02, 0.0), (0.1, 0.9), (0.5, 0.0), (1.0, 0.5), (0.01, 0.95))
        for every in (1, 10)
        for conv in (False, True)
    )
]


def test_twenty_clean_runs_raise_no_alarm() -> None:
    """Slow and restless ones, with and without momentum, saved at every step and seldom."""
    assert len(RUNS) == 20
    for settings in RUNS:
        assert sameness.strays(sameness.distances(trained(**settings))) == ([], {}), settings


def test_a_step_of_another_run_is_found() -> None:
    found = 0
    for k in range(0, len(RUNS), 2):
        run, other = trained(**RUNS[k]), trained(**RUNS[k] | {"seed": 99})
        run[12] = other[12]
        apart, nearly = sameness.strays(sameness.distances(run))
        found += apart == [12]
        assert set(apart) <= {12} and not nearly
    # Where every step moves about as far as another network lies away, nothing can be told.
    assert found >= 8


def test_a_step_that_is_nearly_the_last_one_is_found() -> None:
    """As when a float16 copy of the final weights was saved under an early number."""
    run = trained(**RUNS[2])
    run[5] = run[-1].astype(np.float16)
    apart, nearly = sameness.strays(sameness.distances(run))
    assert nearly[5] == 29
    assert apart == []


def test_two_steps_say_nothing() -> None:
    assert sameness.strays(sameness.distances(np.random.default_rng(0).normal(size=(2, 9)))) == ([], {})
