"""Each network against its own reference: students and their teachers, copies and their parents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.studies import Dots, Effect, EffectKind
from kinscape.backend.contracts.words import counted
from kinscape.backend.statistics.jackknife import paired_difference
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import PairColumn, StudyData
from kinscape.backend.studies.effects import Hypothesis, Row, contrast, mean_effect
from kinscape.backend.studies.template import Found, Pairs

CLOSER = Hypothesis(-1, "closer", "farther")
MORE = Hypothesis(1, "higher", "lower")
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
        contrasts: pairs of roles of which the first is expected to be closer.
        rising: measures that are expected to be higher instead.
    """

    reference: str
    unit: str
    roles: tuple[str, ...]
    unrelated: str
    contrasts: tuple[tuple[str, str], ...]
    rising: tuple[str, ...] = ()

    def pairs(self, cast: Cast) -> Pairs:
        """Each network with its own reference, and unrelated ones with all."""
        return {pair for role in self._sources(cast).values() for pairs in role.values() for pair in pairs}

    def units(self, cast: Cast) -> tuple[int, str]:
        """References that the first contrast can use."""
        sources = self._sources(cast)
        shared = [len(set(sources[a]) & set(sources[b])) for a, b in self.contrasts if sources[a] and sources[b]]
        return max(shared, default=0), self.unit

    def find(self, data: StudyData) -> Found:
        """Means of each role, and contrasts of roles, reference by reference."""
        sources = self._sources(data.cast)
        rows, dots = [], []
        for column in data.pairs:
            values = {role: _values(column, of_role) for role, of_role in sources.items() if of_role}
            rows += [mean_effect(self._blank(column, role), of_role) for role, of_role in values.items()]
            rows += [
                self._contrast(column, (a, b), values, sources)
                for a, b in self.contrasts
                if a in values and b in values
            ]
            dots.append(self._dots(column, values))
        return Found(rows=rows, dots=dots, warnings=self._warnings(data.cast))

    def _sources(self, cast: Cast) -> dict[str, Sources]:
        references, families = cast[self.reference], cast.families
        found: dict[str, Sources] = {}
        for role in self.roles:
            own: dict[str, list[tuple[int, int]]] = {}
            for one in cast[role]:
                owner = cast.owner_of(one, references)
                if owner is not None:
                    own.setdefault(owner.name, []).append((one.id, owner.id))
            found[role] = own
        strangers: Sequence[Candidate] = cast[self.unrelated] or references
        found[self.unrelated] = {
            reference.name: pairs
            for reference in references
            if (pairs := [(s.id, reference.id) for s in strangers if families[s.id] != families[reference.id]])
        }
        return found

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
            measure=column.key, title=column.title, contrast=contrast, kind=EffectKind.MEAN, effect=None, unit=self.unit
        )

    def _contrast(
        self,
        column: PairColumn,
        roles: tuple[str, str],
        values: Mapping[str, Mapping[str, float]],
        sources: Mapping[str, Sources],
    ) -> Row:
        one, two = roles
        expected = MORE if column.card.slug in self.rising else _nearer(column)
        found = contrast(self._blank(column, f"{one} − {two}"), values[one], values[two], expected)
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


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value
