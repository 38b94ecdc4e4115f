"""Each network against its own reference: students and their teachers, copies and their parents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.studies import Dots, Effect, EffectKind
from kinscape.backend.contracts.words import counted
from kinscape.backend.statistics.jackknife import paired_difference
from kinscape.backend.statistics.paired import smallest_p, smallest_p_of_assignments
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import PairColumn, StudyData
from kinscape.backend.studies.effects import (
    Hypothesis,
    Row,
    contrast,
    differences,
    for_other_samples,
    mean_effect,
    own_against_others,
)
from kinscape.backend.studies.several_sets import ON_SINGLE_SETS
from kinscape.backend.studies.template import PAIRS, Design, Found, Pairs

CLOSER = Hypothesis(-1, "closer", "farther")
MORE = Hypothesis(1, "higher", "lower")
# Kinds that one role holds are described beside the tests of the role.
BY_GROUP = "group by group"
MOST_GROUPS = 12
# Networks behind the number of each unit: (the other one, the reference).
Sources = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class MatchedPairs:
    """How far networks of several roles are from their own reference, and which role is closer.

    Attributes:
        reference, unit: the role of the references, and what it is called in the plural.
        roles: roles whose networks belong to one reference each.
        unrelated: the role whose networks are compared with all references that are not related to them; where it
            is empty, the references among themselves.
        own: roles whose networks are expected to be closer to their own reference than to the others.
        contrasts: pairs of roles of which the first is expected to be closer.
        rising: measures that are expected to be higher instead.
    """

    reference: str
    unit: str
    roles: tuple[str, ...]
    unrelated: str
    own: tuple[str, ...]
    contrasts: tuple[tuple[str, str], ...]
    rising: tuple[str, ...] = ()

    @property
    def reads(self) -> frozenset[Arity]:
        """Measures of pairs."""
        return PAIRS

    def pairs(self, cast: Cast) -> Pairs:
        """Each network with its own reference, those of ``own`` with all, and unrelated ones with all."""
        found = {pair for role in self._sources(cast).values() for pairs in role.values() for pair in pairs}
        for role in self.own:
            found |= {p for row in self._with_all(cast, role).values() for pairs in row.values() for p in pairs}
        return found

    def design(self, cast: Cast) -> Design:
        """Own against others where there are several references, else the contrast with the most units."""
        own = max((len(self._with_all(cast, role)) for role in self.own), default=0)
        if own > 1:
            note = f"of contrasts with controls {smallest_p(own):.3g}"
            return Design(own, self.unit, smallest_p_of_assignments(own), is_paired=False, note=note)
        return Design.of_pairs(own, self.unit)

    def sides(self, cast: Cast) -> list[str]:
        """Roles that somebody plays."""
        return [role for role, of_role in self._sources(cast).items() if of_role]

    def find(self, data: StudyData) -> Found:
        """Means of each role, and contrasts of roles, reference by reference."""
        sources = self._sources(data.cast)
        rows, dots = [], []
        for column in data.pairs:
            values = {role: _values(column, of_role) for role, of_role in sources.items() if of_role}
            left = {role: _without_samples(column, sources[role]) for role in values}
            rows += [
                for_other_samples(mean_effect(self._blank(column, role), of_role), of_role, left[role])
                for role, of_role in values.items()
            ]
            rows += [row for role in self.own if (row := self._own(column, role, data.cast)) is not None]
            rows += [
                for_other_samples(
                    self._contrast(column, (a, b), values, sources),
                    differences(values[a], values[b]),
                    differences(left[a], left[b]),
                )
                for a, b in dict.fromkeys([*self.contrasts, *data.cast.contrasts])
                if a in values and b in values
            ]
            rows += self._by_group(column, data.cast, sources)
            dots.append(self._dots(column, values))
        return Found(rows=rows, dots=dots, warnings=self._warnings(data.cast))

    def _sources(self, cast: Cast) -> dict[str, Sources]:
        references, families = cast[self.reference], cast.families
        found: dict[str, Sources] = {}
        for role in self.roles:
            found[role] = _with_owners(cast, cast[role], references)
        strangers: Sequence[Candidate] = cast[self.unrelated] or references
        found[self.unrelated] = {
            reference.name: pairs
            for reference in references
            if (pairs := [(s.id, reference.id) for s in strangers if families[s.id] != families[reference.id]])
        }
        return found

    def _by_group(self, column: PairColumn, cast: Cast, sources: Mapping[str, Sources]) -> list[Row]:
        """The groups of roles that hold several, such as strengths of pruning: described, not tested."""
        rows: list[Row] = []
        unrelated = sources[self.unrelated]
        for role in [] if column.is_detail else self.roles:
            groups = sorted({c.group for c in cast[role] if c.group})
            for group in groups if 1 < len(groups) <= MOST_GROUPS else []:
                some = [c for c in cast[role] if c.group == group]
                label = f"{role}: {group}"
                own = {label: _with_owners(cast, some, cast[self.reference]), self.unrelated: unrelated}
                values = {name: _values(column, of) for name, of in own.items()}
                both = [Row(mean_effect(self._blank(column, label), values[label]).effect)]
                if values[label] and values[self.unrelated]:
                    both.append(self._contrast(column, (label, self.unrelated), values, own))
                rows += [Row(row.effect.model_copy(update={"suite": BY_GROUP})) for row in both]
        return rows

    def _with_all(self, cast: Cast, role: str) -> dict[str, dict[str, list[tuple[int, int]]]]:
        """The networks of each unit (own reference) with every reference that has networks of this role."""
        members: dict[str, list[Candidate]] = {}
        for one in cast[role]:
            owner = cast.owner_of(one, cast[self.reference])
            if owner is not None:
                members.setdefault(owner.name, []).append(one)
        references = [r for r in cast[self.reference] if r.name in members]
        return {
            r.name: {other.name: [(one.id, other.id) for one in members[r.name]] for other in references}
            for r in references
        }

    def _own(self, column: PairColumn, role: str, cast: Cast) -> Row | None:
        """Whether the networks of a role are nearer to their own reference than to the others."""
        sources = self._with_all(cast, role)
        if len(sources) < 2:
            return None
        blank = self._blank(column, f"{role}: own − other {self.unit}")
        rows = {unit: _values(column, of_unit) for unit, of_unit in sources.items()}
        # A unit without all of its numbers would not be exchangeable with the others.
        units = tuple(u for u in sources if len(rows[u]) == len(sources))
        if len(units) < 2:
            return Row(blank.model_copy(update={"kind": EffectKind.CONTRAST, "sentence": "Some pairs have no number."}))
        table = np.array([[rows[a][b] for b in units] for a in units])
        return own_against_others(blank, table, units, self._expected(column))

    def _expected(self, column: PairColumn) -> Hypothesis:
        return MORE if column.card.slug in self.rising else _nearer(column)

    def _warnings(self, cast: Cast) -> list[str]:
        lost = [
            one.name for role in self.roles for one in cast[role] if cast.owner_of(one, cast[self.reference]) is None
        ]
        if not lost:
            return []
        named = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        return [
            f"{named}: nothing says which of the {self.unit} {'it belongs' if len(lost) == 1 else 'they belong'} to. "
            f"Give the teacher, parent or start, or the tag {cast.match!r}."
        ]

    def _blank(self, column: PairColumn, contrast: str) -> Effect:
        return Effect(
            suite=ON_SINGLE_SETS if column.is_detail else "",
            measure=column.key,
            title=column.title,
            contrast=contrast,
            kind=EffectKind.MEAN,
            effect=None,
            unit=self.unit,
        )

    def _contrast(
        self,
        column: PairColumn,
        roles: tuple[str, str],
        values: Mapping[str, Mapping[str, float]],
        sources: Mapping[str, Sources],
    ) -> Row:
        one, two = roles
        found = contrast(self._blank(column, f"{one} − {two}"), values[one], values[two], self._expected(column))
        if two == self.unrelated and found.effect.n > 1:
            # Units share these networks, so that their differences are not independent.
            told = {"p": None, "p_opposite": None, "smallest_p": None, "statistic": None, "test": ""}
            shared = f"Several {self.unit} share these networks: the test is that of own against other {self.unit}."
            return Row(found.effect.model_copy(update={**told, "sentence": shared}))
        if found.effect.n != 1:
            return found
        only = next(iter(set(values[one]) & set(values[two])))
        half = paired_difference(_replicates(column, sources[one][only]), _replicates(column, sources[two][only]))
        value = found.effect.effect
        if half is None or value is None:
            return found
        sentence = f"{counted(1, self.unit)}: the interval is over samples, and nothing can be tested."
        update = {"low": value - half, "high": value + half, "sentence": sentence}
        return Row(found.effect.model_copy(update=update))

    def _dots(self, column: PairColumn, values: Mapping[str, Mapping[str, float]]) -> Dots:
        units = sorted({unit for of_role in values.values() for unit in of_role})
        table = [[_number(of_role.get(unit)) for unit in units] for of_role in values.values()]
        return Dots(
            title=column.title, measure=column.key, unit=self.unit, roles=list(values), units=units, values=table
        )


def _with_owners(
    cast: Cast, some: Sequence[Candidate], references: Sequence[Candidate]
) -> dict[str, list[tuple[int, int]]]:
    """Each with the reference that it belongs to, by the name of the reference."""
    own: dict[str, list[tuple[int, int]]] = {}
    for one in some:
        owner = cast.owner_of(one, references)
        if owner is not None:
            own.setdefault(owner.name, []).append((one.id, owner.id))
    return own


def _nearer(column: PairColumn) -> Hypothesis:
    """That the first side is more alike, whichever end of the measure that is."""
    return Hypothesis(1, CLOSER.words, CLOSER.opposite) if column.card.higher_is_alike else CLOSER


def _values(column: PairColumn, sources: Sources) -> dict[str, float]:
    """The mean number of each unit; signed differences by size."""
    found = {}
    for unit, pairs in sources.items():
        numbers = np.array([column.value(a, b) for a, b in pairs])
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers):
            found[unit] = float((np.abs(numbers) if column.card.is_signed else numbers).mean())
    return found


def _replicates(column: PairColumn, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Leave-one-group-out values of a unit's mean; empty where a pair has none."""
    each = [column.replicates(a, b) for a, b in pairs]
    if column.card.is_signed or not each or len({len(e) for e in each}) != 1:
        return np.empty(0)
    mean: np.ndarray = np.mean(each, axis=0)
    return mean


def _without_samples(column: PairColumn, sources: Sources) -> dict[str, np.ndarray]:
    """Leave-one-group-out values of the mean of each unit that has them."""
    each = {unit: _replicates(column, pairs) for unit, pairs in sources.items()}
    return {unit: found for unit, found in each.items() if len(found)}


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value
