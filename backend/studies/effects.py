"""From units to effects: means with intervals, contrasts with exact tests in both directions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kinscape.backend.contracts.cards import Card, Direction
from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.contracts.words import counted
from kinscape.backend.statistics import paired
from kinscape.backend.statistics.crossed import crossed_interval
from kinscape.backend.statistics.ranks import benjamini_yekutieli

Floats = npt.NDArray[np.float64]
WESTFALL_YOUNG = "Westfall–Young"
# Of each of the two one-sided tests that rule out larger differences.
EQUIVALENCE_LEVEL = 0.05


@dataclass(frozen=True)
class Row:
    """An effect with what its test flips the signs of.

    Attributes:
        signed: differences or their signed ranks by unit; empty where no such test was made.
        draws: statistics of a test over assignments of ``units``, the data first; empty where no such test was made.
    """

    effect: Effect
    signed: Mapping[str, float] = field(default_factory=dict)
    draws: Floats = field(default_factory=lambda: np.empty(0))
    units: tuple[str, ...] = ()


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


def for_other_samples(row: Row, values: Mapping[str, float], replicates: Mapping[str, Floats]) -> Row:
    """The same effect with its interval over units and samples, where every unit has leave-one-group-out values.

    Args:
        values: of units, or their differences.
        replicates: ``(groups,)`` of the same, with one group of samples left out.
    """
    units = [u for u in values if np.isfinite(values[u])]
    lengths = {len(replicates.get(u, ())) for u in units}
    if len(lengths) != 1 or 0 in lengths:
        return row
    found = crossed_interval(np.array([values[u] for u in units]), np.array([replicates[u] for u in units]))
    if found is None:
        return row
    return replace(row, effect=row.effect.model_copy(update={"low_both": found[0], "high_both": found[1]}))


def differences(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """The first less the second, of units that both have; of arrays of one length only."""
    return {u: one[u] - two[u] for u in one if u in two and np.shape(one[u]) == np.shape(two[u])}


def contrast(
    blank: Effect, one: Mapping[str, float], two: Mapping[str, float], expected: Hypothesis, by: PairedTest = SIGN_FLIP
) -> Row:
    """The mean difference of two roles over the units that both have, with its test in both directions."""
    units = [u for u in one if u in two and np.isfinite(one[u]) and np.isfinite(two[u])]
    told = {**_told(expected), "n": len(units)}
    if not units:
        sentence = f"None of the {blank.unit} has both numbers."
        return Row(blank.model_copy(update={**told, "effect": None, "sentence": sentence}))
    differences = np.array([one[u] - two[u] for u in units])
    low, high = paired.mean_interval(differences) or (None, None)
    within = paired.equivalent_within(differences, EQUIVALENCE_LEVEL)
    found = {**told, "effect": float(differences.mean()), "low": low, "high": high, "equivalent_within": within}
    if len(units) < 2:
        return Row(blank.model_copy(update={**found, "sentence": "One pair: nothing can be tested."}))
    signed = by.signed(differences)
    if not np.any(signed):
        return Row(blank.model_copy(update={**found, "sentence": "Both are equal for all of them."}))
    tested = paired.sign_flip(signed[signed != 0])
    p, opposite = _directed(tested, expected)
    which = "exact" if tested.are_all else "random"
    count = int((signed != 0).sum())
    over = counted(len(units), blank.unit) if count == len(units) else f"{count} of {counted(len(units), blank.unit)}"
    update = {
        **found,
        "statistic": paired.rank_biserial(differences),
        "p": p,
        "p_opposite": opposite,
        "smallest_p": tested.smallest,
        "test": f"{which} {by.name} over {over}, one-sided",
    }
    return Row(blank.model_copy(update=update), dict(zip(units, signed.tolist(), strict=True)))


def two_groups(blank: Effect, one: Floats, two: Floats, expected: Hypothesis, *, noted: str = "") -> Row:
    """Whether the ranks of one group lie on the expected side of those of another that nothing pairs them with.

    Args:
        one, two: ``(units,)``, finite.
        noted: what stands beside the test.
    """
    if min(len(one), len(two)) < 2:
        return Row(blank.model_copy(update={**_told(expected), "sentence": f"A test needs two {blank.unit} of each."}))
    return _of_two(blank, (one, two), paired.two_samples(one, two), expected, f"Mann–Whitney test{noted}")


def two_groups_of_times(
    blank: Effect, one: Floats, two: Floats, seen: npt.NDArray[np.bool_], expected: Hypothesis
) -> Row:
    """The same for times of which some were not waited for.

    Args:
        seen: ``(one + two,)`` whether each was seen to end.
    """
    if min(len(one), len(two)) < 2:
        return Row(blank.model_copy(update={**_told(expected), "sentence": f"A test needs two {blank.unit} of each."}))
    row = _of_two(blank, (one, two), paired.censored_samples(one, two, seen), expected, "Gehan test")
    if seen.all():
        return row
    told = "Some never got there in the time that was watched, so the mean difference is not known."
    return Row(row.effect.model_copy(update={"effect": None, "sentence": told}))


def in_both_directions(row: Row) -> Row:
    """The same test without an expected direction: twice the smaller p, and the word of the side that it is on."""
    effect = row.effect
    if effect.p is None or effect.p_opposite is None or effect.smallest_p is None:
        return row
    is_expected = effect.p <= effect.p_opposite
    update = {
        "p": min(1.0, 2 * min(effect.p, effect.p_opposite)),
        "p_opposite": None,
        "smallest_p": min(1.0, 2 * effect.smallest_p),
        "hypothesis": effect.hypothesis if is_expected else effect.opposite,
        "opposite": "",
        "test": effect.test.replace("one-sided", "two-sided"),
    }
    return replace(row, effect=effect.model_copy(update=update))


def _told(expected: Hypothesis) -> dict[str, object]:
    return {
        "kind": EffectKind.CONTRAST,
        "hypothesis": expected.words,
        "opposite": expected.opposite,
        "sign": expected.sign,
    }


def _of_two(blank: Effect, both: tuple[Floats, Floats], tested: paired.Tested, expected: Hypothesis, name: str) -> Row:
    one, two = both
    p, opposite = _directed(tested, expected)
    which = "exact" if tested.are_all else "random"
    update = {
        **_told(expected),
        "effect": float(one.mean() - two.mean()),
        "n": len(one) + len(two),
        "p": p,
        "p_opposite": opposite,
        "smallest_p": tested.smallest,
        "test": f"{which} {name} over {len(one)} and {counted(len(two), blank.unit)}, one-sided",
    }
    return Row(blank.model_copy(update=update))


def own_against_others(blank: Effect, table: Floats, units: tuple[str, ...], expected: Hypothesis) -> Row:
    """Whether networks are nearer to their own unit than to the others, by assigning them to units anew.

    Exact where networks could as well belong to any unit; what units share with one another does not matter.

    Args:
        table: ``(units, units)`` mean number of the networks of each unit (rows) with each unit; finite.
    """
    count = len(units)
    others = (table.sum(1) - np.diag(table)) / max(1, count - 1)
    differences = np.diag(table) - others
    low, high = paired.mean_interval(differences) or (None, None)
    found = {**_told(expected), "effect": float(differences.mean()), "low": low, "high": high, "n": count}
    ways, are_all = paired.assignments(count)
    draws = table[np.arange(count)[None], ways].mean(1)
    slack = 1e-12 * np.abs(table).max()
    tested = paired.Tested(
        p_less=float((draws <= draws[0] + slack).mean()),
        p_greater=float((draws >= draws[0] - slack).mean()),
        smallest=1 / len(ways),
        are_all=are_all,
    )
    p, opposite = _directed(tested, expected)
    which = "exact" if are_all else "random"
    update = {
        **found,
        "p": p,
        "p_opposite": opposite,
        "smallest_p": tested.smallest,
        "test": f"{which} permutation test over {counted(count, blank.unit)}, one-sided",
    }
    return Row(blank.model_copy(update=update), draws=draws, units=units)


def _directed(tested: paired.Tested, expected: Hypothesis) -> tuple[float, float]:
    """P of the expected direction, and of the opposite one."""
    if expected.sign < 0:
        return tested.p_less, tested.p_greater
    return tested.p_greater, tested.p_less


def adjusted(rows: Sequence[Row]) -> list[Effect]:
    """The effects with p adjusted over the tests of each suite.

    Where all tests of a suite flip signs of units, or assign the same units anew, for the largest of them (Westfall &
    Young); else by Benjamini & Yekutieli. The p of a direction that was not expected is doubled.
    """
    out = [row.effect for row in rows]
    suites: dict[tuple[str, bool], list[int]] = {}
    for k, row in enumerate(rows):
        if row.effect.kind is EffectKind.CONTRAST and row.effect.p is not None:
            suites.setdefault((row.effect.suite, len(row.draws) > 0), []).append(k)
    for places in suites.values():
        how, (expected, opposite) = _adjusted([rows[k] for k in places])
        for k, p, q in zip(places, expected, opposite, strict=True):
            # A test in both directions has no opposite one.
            opposed = None if out[k].p_opposite is None else min(1.0, 2 * float(q))
            update = {"p_adjusted": float(p), "p_opposite_adjusted": opposed, "adjustment": how}
            out[k] = out[k].model_copy(update=update)
    return out


def _adjusted(rows: Sequence[Row]) -> tuple[str, tuple[Floats, Floats]]:
    """How the tests of a suite are adjusted, and their p in either direction."""
    # Every test as if its expected direction were up.
    if all(row.signed for row in rows):
        units = sorted({unit for row in rows for unit in row.signed})
        numbers = np.array([[row.effect.sign * row.signed.get(unit, 0.0) for unit in units] for row in rows])
        return WESTFALL_YOUNG, (paired.largest_of(numbers, 1), paired.largest_of(numbers, -1))
    if all(len(row.draws) for row in rows) and len({row.units for row in rows}) == 1:
        draws = np.array([row.effect.sign * row.draws for row in rows])
        return WESTFALL_YOUNG, (paired.largest_of_draws(draws, 1), paired.largest_of_draws(draws, -1))
    raw = np.array([[row.effect.p, row.effect.p_opposite] for row in rows], dtype=np.float64)
    return "Benjamini–Yekutieli", (benjamini_yekutieli(raw[:, 0]), benjamini_yekutieli(raw[:, 1]))
