"""What goes with what over networks, raw and controlling for train loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.associations import Association, Correlation
from kinscape.backend.contracts.cards import Arity, Card, Direction
from kinscape.backend.contracts.studies import HELD_STILL, RAW, Effect, EffectKind
from kinscape.backend.statistics.associations import Column, associations
from kinscape.backend.statistics.kinship import families_of, representatives
from kinscape.backend.studies.cast import Cast
from kinscape.backend.studies.conditions import SHARPNESS, suite_of
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
        by_definition: pairs of slugs of which one is computed from the other.
    """

    predictors: tuple[str, ...]
    outcomes: tuple[str, ...]
    by_definition: tuple[tuple[str, str], ...] = ()

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
        cards = {c.key: c.card for c in data.singles}
        sharp = {c.key for c in data.singles if suite_of(c) == SHARPNESS}
        rows = []
        for row in table:
            if (cards[row.measure].slug, cards[row.outcome].slug) in self.by_definition:
                continue
            words = _better(cards[row.outcome]) if row.measure in sharp else ("", "")
            rows += [Row(_worded(effect, words)) for effect in _effects(row, titles, test=test)]
        warnings = []
        if control is None:
            warnings.append("Without the train loss, an association may be that of how far training went.")
        return Found(rows=rows, warnings=warnings)

    def _of(self, columns: Sequence[SingleColumn], names: tuple[str, ...]) -> list[SingleColumn]:
        return [c for c in columns if c.card.slug != CONTROL and (suite_of(c) in names or c.card.slug in names)]


def _better(card: Card) -> tuple[str, str]:
    """What sharper goes with where a coefficient is positive, and where it is negative."""
    match card.direction:
        case Direction.HIGHER_IS_BETTER:
            return "better", "worse"
        case Direction.LOWER_IS_BETTER:
            return "worse", "better"
        case _:
            return "", ""


def _worded(effect: Effect, words: tuple[str, str]) -> Effect:
    """An association with the word of the side that it is on."""
    return effect.model_copy(update={"hypothesis": words[0] if (effect.effect or 0.0) > 0 else words[1]})


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
