"""Conditions of training against a baseline, measure by measure, paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.cards import Direction, Topic
from kinscape.backend.contracts.studies import Dots, Effect, EffectKind
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import SingleColumn, StudyData
from kinscape.backend.studies.effects import WILCOXON, Row, better, contrast, mean_effect, two_groups
from kinscape.backend.studies.template import Found, Pairs

SUITES = {Topic.CALIBRATION: "safety", Topic.ROBUSTNESS: "safety"}


def suite_of(column: SingleColumn) -> str:
    """The suite whose tests a measure is adjusted with."""
    if column.card.direction is Direction.LOWER_IS_FLATTER:
        return "sharpness"
    if column.card.topic is Topic.LOSS_LANDSCAPE:
        return "training"
    return SUITES.get(column.card.topic, "weights and representations")


@dataclass(frozen=True)
class Conditions:
    """What each condition changes against the baseline: paired by the tag ``match`` or a shared start.

    Attributes:
        base: the role of the baseline.
        condition: the role of all conditions; each group in it is one.
        left_out: measures that are read by other analyses only.
    """

    base: str
    condition: str
    left_out: tuple[str, ...] = ()

    def pairs(self, cast: Cast) -> Pairs:
        """No pairs: every measure is of single models."""
        return set()

    def units(self, cast: Cast) -> tuple[int, str]:
        """Pairs of the condition with the most."""
        units = self._units(cast)
        base = units.pop(self._base_name(cast), {})
        return max((len(set(base) & set(other)) for other in units.values()), default=0), "seeds"

    def find(self, data: StudyData) -> Found:
        """Means of each condition and contrasts with the baseline."""
        units = self._units(data.cast)
        base = self._base_name(data.cast)
        rows, dots = [], []
        for column in data.singles:
            if column.card.slug in self.left_out:
                continue
            values = {
                condition: {unit: column.values[id] for unit, id in of.items() if id in column.values}
                for condition, of in units.items()
            }
            for condition, of in values.items():
                blank = self._blank(column, condition)
                rows.append(mean_effect(blank, of))
                if condition != base:
                    blank = self._blank(column, f"{condition} − {base}")
                    rows.append(self._tested(blank, column, of, values[base]))
            dots.append(_dots(column, values))
        return Found(rows=rows, dots=dots)

    def _tested(self, blank: Effect, column: SingleColumn, of: Mapping[str, float], base: Mapping[str, float]) -> Row:
        if len(set(of) & set(base)) >= 2:
            return contrast(blank, of, base, better(column.card), WILCOXON)
        one, two = (np.array([v for v in side.values() if np.isfinite(v)]) for side in (of, base))
        unpaired = blank.model_copy(update={"unit": "networks"})
        return two_groups(unpaired, one, two, better(column.card), noted=" (nothing pairs them)")

    def _base_name(self, cast: Cast) -> str:
        groups = {c.group for c in cast[self.base]}
        return (next(iter(groups)) if len(groups) == 1 else "") or "baseline"

    def _units(self, cast: Cast) -> dict[str, dict[str, int]]:
        """Checkpoints by condition and unit: the value of the tag, the shared start, or itself."""
        families = cast.families
        out: dict[str, dict[str, int]] = {self._base_name(cast): self._of(cast, cast[self.base], families)}
        groups: dict[str, list[Candidate]] = {}
        for one in cast[self.condition]:
            groups.setdefault(one.group or "no group", []).append(one)
        for group, some in sorted(groups.items()):
            out[group] = self._of(cast, some, families)
        return out

    def _of(self, cast: Cast, some: Sequence[Candidate], families: Mapping[int, int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in some:
            unit = one.tag(cast.match) or f"family {families[one.id]}"
            found.setdefault(unit, one.id)
        return found

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


def _dots(column: SingleColumn, values: Mapping[str, Mapping[str, float]]) -> Dots:
    units = sorted({unit for of in values.values() for unit in of})
    table = [[_finite(of.get(unit)) for unit in units] for of in values.values()]
    return Dots(title=column.title, measure=column.key, unit="seeds", roles=list(values), units=units, values=table)


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value
