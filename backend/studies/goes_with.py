"""What goes with what over networks, raw and controlling for train loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.associations import Association, Correlation
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.studies import HELD_STILL, RAW, Effect, EffectKind
from kinscape.backend.statistics.associations import Column, associations
from kinscape.backend.statistics.kinship import families_of, representatives
from kinscape.backend.studies.cast import Cast
from kinscape.backend.studies.conditions import suite_of
from kinscape.backend.studies.data import SingleColumn, StudyData
from kinscape.backend.studies.effects import Row
from kinscape.backend.studies.template import SINGLES, Design, Found, Pairs

CONTROL = "train-loss"
ASSOCIATIONS = "associations"


@dataclass(frozen=True)
class GoesWith:
    """Spearman's ρ of every measure of one suite with every measure of another, raw and controlling for train loss.

    Attributes:
        predictors, outcomes: names of suites, or slugs of measures.
    """

    predictors: tuple[str, ...]
    outcomes: tuple[str, ...]

    def pairs(self, cast: Cast) -> Pairs:
        """No pairs: every measure is of single models."""
        return set()

    @property
    def reads(self) -> frozenset[Arity]:
        """Measures of single models."""
        return SINGLES

    def design(self, cast: Cast) -> Design:
        """Nothing that decides whether a study can be run."""
        return Design(0, "families")

    def find(self, data: StudyData) -> Found:
        """One effect for each pair of measures, raw and controlling for train loss."""
        everyone = data.cast.everyone
        heads = families_of(everyone)
        chosen = representatives(everyone)
        models, families = [everyone[k] for k in chosen], [heads[k] for k in chosen]

        def column(of: SingleColumn) -> Column:
            return Column(of.key, np.array([of.values.get(m.id, np.nan) for m in models]))

        titles = {c.key: c.title for c in data.singles}
        control = data.single(CONTROL)
        table = associations(
            [column(c) for c in self._of(data.singles, self.predictors)],
            [column(c) for c in self._of(data.singles, self.outcomes)],
            control=None if control is None else column(control),
            tags=[{str(k): str(v) for k, v in (m.tags or {}).items()} for m in models],
            families=families,
        )
        are_related = len(set(families)) < len(families)
        test = "Spearman's ρ, two-sided; " + ("jackknife of families" if are_related else "bootstrap, permutations")
        rows = [Row(effect) for row in table for effect in _effects(row, titles, test=test)]
        warnings = []
        if control is None:
            warnings.append("Without the train loss, an association may be that of how far training went.")
        return Found(rows=rows, warnings=warnings)

    def _of(self, columns: Sequence[SingleColumn], names: tuple[str, ...]) -> list[SingleColumn]:
        return [c for c in columns if c.card.slug != CONTROL and (suite_of(c) in names or c.card.slug in names)]


def _effects(row: Association, titles: Mapping[str, str], *, test: str) -> list[Effect]:
    found = []
    for how, value, p, q in (
        (RAW, row.spearman, row.p, row.q),
        (HELD_STILL, row.spearman_partial, row.p_partial, row.q_partial),
    ):
        if value is None and how != RAW:
            continue
        found.append(_effect(row, titles, (how, value), (p, q)).model_copy(update={"test": test}))
    return found


def _effect(
    row: Association,
    titles: Mapping[str, str],
    coefficient: tuple[str, Correlation | None],
    p: tuple[float | None, float | None],
) -> Effect:
    how, value = coefficient
    return Effect(
        suite=ASSOCIATIONS,
        measure=row.measure,
        title=f"{titles.get(row.measure, row.measure)} and {titles.get(row.outcome, row.outcome)}",
        contrast=how,
        kind=EffectKind.ASSOCIATION,
        effect=None if value is None else value.value,
        low=None if value is None else value.low,
        high=None if value is None else value.high,
        statistic=None if value is None else value.value,
        p=p[0],
        p_adjusted=p[1],
        adjustment="Benjamini–Yekutieli",
        n=row.n,
        unit=f"networks of {row.families} families" if row.families != row.n else "networks",
        sentence=row.sentence,
    )
