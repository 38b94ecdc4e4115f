"""Conditions of training against a baseline, measure by measure, paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.cards import Arity, Card, Direction, Topic
from kinscape.backend.contracts.studies import Dots, Effect, EffectKind
from kinscape.backend.statistics.paired import smallest_p_of_two
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import SingleColumn, StudyData
from kinscape.backend.studies.effects import (
    WILCOXON,
    Hypothesis,
    Row,
    better,
    contrast,
    differences,
    for_other_samples,
    mean_effect,
    two_groups,
)
from kinscape.backend.studies.several_sets import ON_SINGLE_SETS
from kinscape.backend.studies.template import SINGLES, Design, Found, Pairs

SHARPNESS = "sharpness"
SUITES = {Topic.CALIBRATION: "safety", Topic.ROBUSTNESS: "safety"}


def suite_of(column: SingleColumn) -> str:
    """The suite whose tests a measure is adjusted with."""
    suite = SUITES.get(column.card.topic, "weights and representations")
    if column.card.direction is Direction.LOWER_IS_FLATTER:
        suite = SHARPNESS
    elif column.card.topic is Topic.LOSS_LANDSCAPE:
        suite = "training"
    return f"{suite} on {ON_SINGLE_SETS}" if column.is_detail else suite


@dataclass(frozen=True)
class Conditions:
    """What each condition changes against the baseline: paired by the tag ``match`` or a shared start.

    Attributes:
        base: the role of the baseline.
        condition: the role of all conditions; each group in it is one.
        left_out: measures that are read by other analyses only.
        described: roles whose means stand beside, without a test.
        rising: measures of which a study expects more in the conditions, though neither end is better by itself.
    """

    base: str
    condition: str
    left_out: tuple[str, ...] = ()
    described: tuple[str, ...] = ()
    rising: tuple[str, ...] = ()

    @property
    def reads(self) -> frozenset[Arity]:
        """Measures of single models."""
        return SINGLES

    def pairs(self, cast: Cast) -> Pairs:
        """No pairs: every measure is of single models."""
        return set()

    def design(self, cast: Cast) -> Design:
        """Pairs of the condition with the most; where nothing pairs, the sizes of the two groups."""
        units = self._units(cast)
        base = units.pop(self._base_name(cast), {})
        units = {name: of for name, of in units.items() if name not in self.described}
        pairs = max((len(set(base) & set(other)) for other in units.values()), default=0)
        if pairs >= 2:
            return Design.of_pairs(pairs, "seeds")
        least = min((smallest_p_of_two(len(other), len(base)) for other in units.values()), default=1.0)
        most = max((len(other) + len(base) for other in units.values()), default=0)
        return Design(most if base else 0, "networks", least, is_paired=False)

    def sides(self, cast: Cast) -> list[str]:
        """The baseline and every condition."""
        return list(self._units(cast))

    def find(self, data: StudyData) -> Found:
        """Means of each condition and contrasts with the baseline, and of the contrasts that were asked for."""
        units = self._units(data.cast)
        base = self._base_name(data.cast)
        own = [pair for pair in data.cast.contrasts if set(pair) <= set(units)]
        contrasts = list(
            dict.fromkeys(
                [*((condition, base) for condition in units if condition not in (base, *self.described)), *own]
            )
        )
        rows, dots = [], []
        for column in data.singles:
            if column.card.slug in self.left_out:
                continue
            values = {
                condition: {unit: mean for unit, ids in of.items() if (mean := _mean(column, ids)) is not None}
                for condition, of in units.items()
            }
            left = {condition: _without_samples(column, of) for condition, of in units.items()}
            for condition, of in values.items():
                blank = self._blank(column, condition)
                rows.append(for_other_samples(mean_effect(blank, of), of, left[condition]))
            for one, two in contrasts:
                found = self._tested(self._blank(column, f"{one} − {two}"), column, values[one], values[two])
                apart = differences(values[one], values[two]), differences(left[one], left[two])
                rows.append(for_other_samples(found, *apart) if found.effect.n == len(apart[0]) else found)
            dots.append(_dots(column, values))
        return Found(rows=rows, dots=dots)

    def _tested(self, blank: Effect, column: SingleColumn, of: Mapping[str, float], base: Mapping[str, float]) -> Row:
        if len(set(of) & set(base)) >= 2:
            return contrast(blank, of, base, self._expected(column.card), WILCOXON)
        one, two = (np.array([v for v in side.values() if np.isfinite(v)]) for side in (of, base))
        unpaired = blank.model_copy(update={"unit": "networks"})
        return two_groups(unpaired, one, two, self._expected(column.card), noted=" (nothing pairs them)")

    def _expected(self, card: Card) -> Hypothesis:
        return Hypothesis(1, "higher", "lower") if card.slug in self.rising else better(card)

    def _base_name(self, cast: Cast) -> str:
        groups = {c.group for c in cast[self.base]}
        name = (next(iter(groups)) if len(groups) == 1 else "") or "baseline"
        # A condition may hold more networks of the same group.
        return f"{name} (baseline)" if any(c.group == name for c in cast[self.condition]) else name

    def _units(self, cast: Cast) -> dict[str, dict[str, list[int]]]:
        """Checkpoints by condition and unit: the value of the tag, the shared start, or itself."""
        families = cast.families
        out = {self._base_name(cast): _by_unit(cast, cast[self.base], families)}
        groups: dict[str, list[Candidate]] = {}
        for one in cast[self.condition]:
            groups.setdefault(one.group or "no group", []).append(one)
        for group, some in sorted(groups.items()):
            out[group] = _by_unit(cast, some, families)
        return out | {role: _by_unit(cast, cast[role], families) for role in self.described if cast[role]}

    def _blank(self, column: SingleColumn, contrast: str) -> Effect:
        return Effect(
            suite=suite_of(column),
            measure=column.key,
            title=column.title,
            contrast=contrast,
            kind=EffectKind.MEAN,
            effect=None,
            unit="seeds",
        )


def _by_unit(cast: Cast, some: Sequence[Candidate], families: Mapping[int, int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in some:
        found.setdefault(one.tag(cast.match) or f"family {families[one.id]}", []).append(one.id)
    return found


def _mean(column: SingleColumn, ids: Sequence[int]) -> float | None:
    """The mean number of the networks of one unit; None where none has one."""
    numbers = [column.values[i] for i in ids if np.isfinite(column.values.get(i, np.nan))]
    return float(np.mean(numbers)) if numbers else None


def _without_samples(column: SingleColumn, units: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Leave-one-group-out values of the mean of each unit, of units all of whose networks have them."""
    found = {}
    for unit, ids in units.items():
        each = [column.replicates[i] for i in ids if i in column.replicates]
        if each and len(each) == len(ids) and len({len(one) for one in each}) == 1:
            found[unit] = np.mean(each, axis=0)
    return found


def _dots(column: SingleColumn, values: Mapping[str, Mapping[str, float]]) -> Dots:
    units = sorted({unit for of in values.values() for unit in of})
    table = [[_finite(of.get(unit)) for unit in units] for of in values.values()]
    return Dots(title=column.title, measure=column.key, unit="seeds", roles=list(values), units=units, values=table)


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value
