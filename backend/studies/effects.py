"""From units to effects: means with intervals, contrasts with exact tests in both directions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kinscape.backend.contracts.cards import Card, Direction
from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.contracts.words import counted
from kinscape.backend.statistics import paired
from kinscape.backend.statistics.ranks import benjamini_yekutieli

Floats = npt.NDArray[np.float64]
# A mean over fewer has no interval over units.
FEWEST = 3


@dataclass(frozen=True)
class Row:
    """An effect with what its test flips the signs of.

    Attributes:
        signed: differences or their signed ranks by unit; empty where no such test was made.
    """

    effect: Effect
    signed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Hypothesis:
    """What a study expects of a difference.

    Attributes:
        sign: -1 where the first side is expected to be lower, 1 where higher.
        words, opposite: what lower or higher means here, as comparatives: closer, farther.
    """

    sign: int
    words: str
    opposite: str


@dataclass(frozen=True)
class PairedTest:
    """A test of paired differences by flipping signs, with its name.

    Attributes:
        signed: what signs are flipped of, from differences; 0 where a unit does not count.
    """

    name: str
    signed: Callable[[Floats], Floats]


SIGN_FLIP = PairedTest("sign-flip test", lambda differences: differences)
WILCOXON = PairedTest("Wilcoxon signed-rank test", paired.signed_ranks)


def better(card: Card) -> Hypothesis:
    """That the first side is better, flatter, or lower where neither end is better."""
    match card.direction:
        case Direction.HIGHER_IS_BETTER:
            return Hypothesis(1, "better", "worse")
        case Direction.LOWER_IS_BETTER:
            return Hypothesis(-1, "better", "worse")
        case Direction.LOWER_IS_FLATTER:
            return Hypothesis(-1, "flatter", "sharper")
        case _:
            return Hypothesis(-1, "lower", "higher")


def mean_effect(blank: Effect, values: Mapping[str, float]) -> Row:
    """The mean of a role over its units, with its interval."""
    some = np.array([v for v in values.values() if np.isfinite(v)])
    if not len(some):
        return Row(blank.model_copy(update={"kind": EffectKind.MEAN, "sentence": "None of them has this number."}))
    low, high = paired.mean_interval(some) or (None, None)
    told = "" if low is not None else "Fewer than three units: no interval over units."
    found = {
        "kind": EffectKind.MEAN,
        "effect": float(some.mean()),
        "low": low,
        "high": high,
        "n": len(some),
        "sentence": told,
    }
    return Row(blank.model_copy(update=found))


def contrast(
    blank: Effect, one: Mapping[str, float], two: Mapping[str, float], expected: Hypothesis, by: PairedTest = SIGN_FLIP
) -> Row:
    """The mean difference of two roles over the units that both have, with its test in both directions."""
    units = [u for u in one if u in two and np.isfinite(one[u]) and np.isfinite(two[u])]
    told = {"kind": EffectKind.CONTRAST, "hypothesis": expected.words, "opposite": expected.opposite, "n": len(units)}
    if not units:
        sentence = f"None of the {blank.unit} has both numbers."
        return Row(blank.model_copy(update={**told, "effect": None, "sentence": sentence}))
    differences = np.array([one[u] - two[u] for u in units])
    low, high = paired.mean_interval(differences) or (None, None)
    found = {**told, "effect": float(differences.mean()), "low": low, "high": high}
    if len(units) < 2:
        return Row(blank.model_copy(update={**found, "sentence": "One pair: nothing can be tested."}))
    signed = by.signed(differences)
    if not np.any(signed):
        return Row(blank.model_copy(update={**found, "sentence": "Both are equal for all of them."}))
    tested = paired.sign_flip(signed[signed != 0])
    p, opposite = _directed(tested, expected)
    which = "exact" if tested.are_all else "random"
    update = {
        **found,
        "statistic": paired.rank_biserial(differences),
        "p": p,
        "p_opposite": opposite,
        "smallest_p": tested.smallest,
        "test": f"{which} {by.name} over {counted(len(units), blank.unit)}, one-sided",
        "sign": expected.sign,
    }
    return Row(blank.model_copy(update=update), dict(zip(units, signed.tolist(), strict=True)))


def two_groups(blank: Effect, one: Floats, two: Floats, expected: Hypothesis, *, noted: str = "") -> Row:
    """Whether the ranks of one group lie on the expected side of those of another that nothing pairs them with.

    Args:
        one, two: ``(units,)``; infinite where a number was never reached.
        noted: what stands beside the test.
    """
    told = {
        "kind": EffectKind.CONTRAST,
        "hypothesis": expected.words,
        "opposite": expected.opposite,
        "sign": expected.sign,
    }
    if min(len(one), len(two)) < 2:
        return Row(blank.model_copy(update={**told, "sentence": f"A test needs two {blank.unit} of each."}))
    tested = paired.two_samples(one, two)
    p, opposite = _directed(tested, expected)
    finite = np.isfinite(one).all() and np.isfinite(two).all()
    which = "exact" if tested.are_all else "random"
    update = {
        **told,
        "effect": float(one.mean() - two.mean()) if finite else None,
        "n": len(one) + len(two),
        "p": p,
        "p_opposite": opposite,
        "smallest_p": tested.smallest,
        "test": f"{which} Mann–Whitney test over {len(one)} and {counted(len(two), blank.unit)}{noted}, one-sided",
    }
    return Row(blank.model_copy(update=update))


def _directed(tested: paired.Tested, expected: Hypothesis) -> tuple[float, float]:
    """P of the expected direction, and of the opposite one."""
    if expected.sign < 0:
        return tested.p_less, tested.p_greater
    return tested.p_greater, tested.p_less


def adjusted(rows: Sequence[Row]) -> list[Effect]:
    """The effects with p adjusted over the tests of each suite.

    Where all tests of a suite flip signs of units, for the largest of them (Westfall & Young); else by Benjamini &
    Yekutieli. A direction that was not expected must reach half the level: its p is doubled.
    """
    out = [row.effect for row in rows]
    suites: dict[str, list[int]] = {}
    for k, effect in enumerate(out):
        if effect.kind is EffectKind.CONTRAST and effect.p is not None:
            suites.setdefault(effect.suite, []).append(k)
    for places in suites.values():
        some = [rows[k] for k in places]
        flips = all(row.signed for row in some)
        expected, opposite = (_by_largest if flips else _by_rate)(some)
        how = "Westfall–Young" if flips else "Benjamini–Yekutieli"
        for k, p, q in zip(places, expected, opposite, strict=True):
            update = {"p_adjusted": float(p), "p_opposite_adjusted": min(1.0, 2 * float(q)), "adjustment": how}
            out[k] = out[k].model_copy(update=update)
    return out


def _by_largest(rows: Sequence[Row]) -> tuple[Floats, Floats]:
    units = sorted({unit for row in rows for unit in row.signed})
    # Every test as if its expected direction were up.
    numbers = np.array([[row.effect.sign * row.signed.get(unit, 0.0) for unit in units] for row in rows])
    return paired.largest_of(numbers, 1), paired.largest_of(numbers, -1)


def _by_rate(rows: Sequence[Row]) -> tuple[Floats, Floats]:
    raw = np.array([[row.effect.p, row.effect.p_opposite] for row in rows], dtype=np.float64)
    return benjamini_yekutieli(raw[:, 0]), benjamini_yekutieli(raw[:, 1])
