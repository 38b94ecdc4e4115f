"""Sentences on single models: whether groups differ, and what goes with what."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from kinscape.backend.actions import associations
from kinscape.backend.contracts.answers import Sentence
from kinscape.backend.contracts.associations import Association, Correlation
from kinscape.backend.contracts.cards import Card
from kinscape.backend.contracts.matrices import ModelTable
from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.contracts.words import number
from kinscape.backend.statistics.kinship import families_of
from kinscape.backend.statistics.several_groups import kruskal_permutation
from kinscape.backend.store.tables import CheckpointRow

BELIEVED = 0.05


def between_groups(
    table: ModelTable, column: str, known: dict[str, Card], people: Sequence[CheckpointRow], *, topic: str
) -> Sentence | None:
    """Whether a measure of single models differs between groups; None where too few are independent.

    Models of one family in one group are one: their mean counts. Groups of one take no part.
    """
    names = [f"{c.measure}@{c.layer}" if c.layer else c.measure for c in table.columns]
    k = names.index(column)
    title = known[table.columns[k].slug].title
    values = table.values.array()[:, k]
    units: dict[tuple[str, int], list[float]] = {}
    value_of = dict(zip(table.ids, values.tolist(), strict=True))
    for person, family in zip(people, families_of(people), strict=True):
        if np.isfinite(value_of.get(person.id, np.nan)):
            units.setdefault((person.group_name, family), []).append(value_of[person.id])
    several: dict[str, list[float]] = {}
    for (group, _), some in units.items():
        several.setdefault(group, []).append(float(np.mean(some)))
    several = {group: means for group, means in several.items() if len(means) > 1}
    dealt = [group for group, means in several.items() for _ in means]
    test = kruskal_permutation(np.array([m for means in several.values() for m in means]), dealt)
    if test is None:
        return None
    ranked = sorted(several, key=lambda g: float(np.mean(several[g])))
    ends = "; ".join(
        f"{which} in {group or 'no group'}, {number(min(several[group]))} to {number(max(several[group]))} "
        f"({len(several[group])} networks)"
        for which, group in (("lowest", ranked[0]), ("highest", ranked[-1]))
    )
    told = "differs between groups" if test.p < BELIEVED else "does not differ between groups beyond chance"
    return Sentence(
        topic=f"{topic}:",
        text=(
            f"{title} {told}: {ends}. Permutation test over groups, {test.models} independent networks: "
            f"p = {number(test.p)}."
        ),
        view={"tab": "models"},
    )


def together(
    session: Session, id: int, measure: str, outcome: str, known: dict[str, Card]
) -> tuple[list[Sentence], list[str]]:
    """Whether a measure goes with an outcome, raw and controlling for train loss; else why that is not known."""
    question = "What goes with what"
    if not measure or not outcome:
        return [], [f"{question}: ask for a measure of sharpness and one of calibration."]
    try:
        found = associations.associations(session, id)
    except NotFound as missing:
        return [], [f"{question}: {missing}"]
    if found.sentence:
        return [], [f"{question}: {found.sentence}"]
    mine = next((a for a in found.table if (a.measure, a.outcome) == (measure, outcome)), None)
    if mine is None or mine.spearman is None:
        why = mine.sentence if mine is not None and mine.sentence else "these two are not in its table."
        return [], [f"{question}: {why}"]
    titles = [known[name.split("@")[0].split("(")[0]].title if name in known else name for name in (measure, outcome)]
    return [_association(mine, titles, control=found.control is not None)], []


def _association(mine: Association, titles: list[str], *, control: bool) -> Sentence:
    q = mine.q if mine.q is not None else mine.p
    believed = q is not None and q < BELIEVED
    told = "go together" if believed else "show no association that so many networks could tell from chance"
    held = ""
    if control and mine.spearman_partial is not None:
        held = f" Controlling for train loss, ρ = {_with_interval(mine.spearman_partial)}."
    p = "" if q is None else f", adjusted p = {number(q)}"
    return Sentence(
        topic="Association:",
        text=(
            f"{titles[0]} and {titles[1]} {told}: ρ = {_with_interval(mine.spearman)} over {_networks(mine)}{p}.{held}"
        ),
        view={"tab": "associations", "single": mine.measure, "outcome": mine.outcome},
    )


def _networks(mine: Association) -> str:
    if mine.families in (0, mine.n):
        return f"{mine.n} independent networks"
    return f"{mine.n} networks of {mine.families} families"


def _with_interval(c: Correlation | None) -> str:
    if c is None:
        return "not defined"
    interval = "" if c.low is None or c.high is None else f" ({c.low:.2f} to {c.high:.2f})"
    return f"{c.value:.2f}{interval}"
