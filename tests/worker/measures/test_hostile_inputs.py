"""Whatever numbers a measure is given, it answers by a number within its card's range, or by a sentence."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from kinscape import measure
from kinscape.backend.contracts.cards import Arity, Change, Input, Role
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.measures.catalogue import catalogue

SHAPES = [(1, 3), (2, 2), (3, 40), (40, 3), (30, 24), (60, 8)]
# Roundings of float64 through a measure's sums.
ROUNDING = 1e-6
# Of features, what stands for a network's inputs and head beside them.
CLASSES = 4


def drawn(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _with(x: Tensor, value: float) -> Tensor:
    x.view(-1)[len(x.view(-1)) // 2] = value
    return x


def _rotation(n: int, d: int, seed: int) -> Tensor:
    x = torch.linalg.qr(drawn(max(n, d), min(n, d), seed))[0]
    return x if n >= d else x.T


KINDS: dict[str, Callable[[int, int, int], Tensor]] = {
    "zeros": lambda n, d, s: torch.zeros(n, d, dtype=torch.float64),
    "negative zeros": lambda n, d, s: -torch.zeros(n, d, dtype=torch.float64),
    "constant": lambda n, d, s: torch.full((n, d), 0.1 + s, dtype=torch.float64),
    "constant rows": lambda n, d, s: drawn(n, 1, s).expand(n, d),
    "constant columns": lambda n, d, s: drawn(1, d, s).expand(n, d),
    "rank one": lambda n, d, s: drawn(n, 1, s) @ drawn(1, d, s + 1),
    "one live sample": lambda n, d, s: torch.cat([drawn(1, d, s), torch.zeros(n - 1, d, dtype=torch.float64)]),
    "one live feature": lambda n, d, s: torch.cat([drawn(n, 1, s), torch.zeros(n, d - 1, dtype=torch.float64)], 1),
    "repeated rows": lambda n, d, s: drawn(2, d, s).repeat(-(-n // 2), 1)[:n],
    "repeated columns": lambda n, d, s: drawn(n, 1, s).repeat(1, d) + 1e-17,
    "one-hot": lambda n, d, s: torch.eye(d, dtype=torch.float64)[torch.arange(n) % d],
    "orthogonal": _rotation,
    "far from zero": lambda n, d, s: 1e8 + drawn(n, d, s),
    "six decades": lambda n, d, s: drawn(n, d, s) * torch.logspace(-3, 3, d, dtype=torch.float64),
    "tiny": lambda n, d, s: 1e-200 * drawn(n, d, s),
    "denormal": lambda n, d, s: 1e-310 * drawn(n, d, s),
    "huge": lambda n, d, s: 1e200 * drawn(n, d, s),
    "largest": lambda n, d, s: drawn(n, d, s).sign() * torch.finfo(torch.float64).max,
    "whole numbers": lambda n, d, s: drawn(n, d, s).round(),
    "float32": lambda n, d, s: drawn(n, d, s).float(),
    "NaN": lambda n, d, s: _with(drawn(n, d, s), math.nan),
    "infinite": lambda n, d, s: _with(drawn(n, d, s), math.inf),
    "minus infinite": lambda n, d, s: _with(drawn(n, d, s), -math.inf),
}
FEATURES = [m for m in catalogue().values() if m.card.input is Input.FEATURES and m.card.arity is Arity.PAIR]
OF_SHAPE = [m for m in FEATURES if Change.SCALE_FEATURES in m.card.ignores]
ASKED = [m for m in catalogue().values() if m.card.input is not Input.NETWORK]


def answer(asked: Measure, kind: str, n: int, d: int) -> float | None:
    """The number of a measure for two matrices of a kind; None where there is a sentence instead."""
    card = asked.card
    first, second = both = [KINDS[kind](n, d, seed) for seed in (0, 1)]
    labels = torch.arange(n) % d
    call = measure(card.slug)
    try:
        if card.input is Input.WEIGHTS:
            states = [{"a.weight": x, "b.weight": x + x.flip(0), "c.weight": x.T, "c.bias": x[0]} for x in both]
            return call(*states[: 2 if card.arity is Arity.PAIR else 1]).value
        if card.input is Input.OUTPUTS:
            references = [drawn(n, d, 7 + k) for k in range(card.references[0])]
            given = [first, second] if card.arity is Arity.PAIR else [first]
            if card.role is Role.BOTH:
                return call(first, labels, second, labels, outputs="logits").value
            return call(*given, labels=labels, outputs="logits", references=references).value
    except Unprocessable:
        return None
    return of_features(asked, both)


def of_features(asked: Measure, both: Sequence[Tensor]) -> float | None:
    """The number of a measure for two layers, or for the first; None where there is a sentence instead."""
    call, (n, d) = measure(asked.card.slug), both[0].shape
    try:
        if asked.card.arity is Arity.PAIR:
            return call(*both).value
        beside = {"inputs": drawn(n, 4, 5), "logits": drawn(n, CLASSES, 6), "head": drawn(CLASSES, d, 8)}
        return call(both[0], labels=torch.arange(n) % CLASSES, **beside).value
    except Unprocessable:
        return None


@pytest.mark.parametrize("asked", ASKED, ids=lambda m: m.card.slug)
def test_any_matrix_has_a_number_in_range_or_a_sentence(asked: Measure) -> None:
    low, high = (-math.inf if asked.card.low is None else asked.card.low), (asked.card.high or math.inf)
    numbers = 0
    for kind in KINDS:
        for n, d in SHAPES:
            value = answer(asked, kind, n, d)
            if value is None:
                continue
            numbers += 1
            slack = ROUNDING * max(1.0, abs(value))
            assert math.isfinite(value), (kind, n, d)
            assert low - slack <= value <= high + slack, (kind, n, d, value)
            assert "NaN" not in kind and "infinite" not in kind, (kind, n, d, value)
    assert numbers > 2


def uneven(n: int, d: int, *, ratio: float, kind: str, seed: int) -> Tensor:
    """Float32 features with something in common and a mean of so many standard deviations."""
    x = drawn(n, d, seed) + 0.8 * drawn(n, d, 50)
    if kind == "six decades":
        x = x * torch.logspace(-3, 3, d, dtype=torch.float64)
    x = x + ratio * x.std(0)
    if kind == "zero rows":
        x[: n // 10] = 0
    if kind == "repeated rows":
        x[n // 2 : n // 2 + n // 5] = x[: n // 5]
    return x.float()


@pytest.mark.parametrize("kind", ["plain", "six decades", "zero rows", "repeated rows"])
@pytest.mark.parametrize("asked", [m for m in ASKED if m.card.input is Input.FEATURES], ids=lambda m: m.card.slug)
def test_float32_features_give_what_the_same_numbers_give_in_float64(asked: Measure, kind: str) -> None:
    for n, d in ((10, 6), (150, 12)):
        for ratio in (0, 1, 100, 1e4):
            short = [uneven(n, d, ratio=ratio, kind=kind, seed=s) for s in (1, 2)]
            one, two = (of_features(asked, x) for x in (short, [x.double() for x in short]))
            assert (one is None) == (two is None), (n, ratio)
            assert one is None or one == pytest.approx(two, rel=1e-4, abs=1e-7), (n, ratio)


@pytest.mark.parametrize("factor", [1e-200, 1e-30, 1e30, 1e200])
@pytest.mark.parametrize("asked", OF_SHAPE, ids=lambda m: m.card.slug)
def test_scale_is_ignored_as_far_as_floats_reach(asked: Measure, factor: float) -> None:
    x, y = drawn(60, 8, 0), drawn(60, 8, 1)
    plain = measure(asked.card.slug)(x, y, intervals=False).value
    for pair in ((factor * x, y), (x, factor * y), (factor * x, y / factor)):
        assert measure(asked.card.slug)(*pair, intervals=False).value == pytest.approx(plain, rel=1e-6, abs=1e-9)
