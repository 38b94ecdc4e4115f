"""Numbers over the settings of two tags, such as load and temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.studies import Effect, EffectKind, Grid
from kinscape.backend.contracts.words import counted
from kinscape.backend.statistics.ranks import spearman
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import PairColumn, StudyData
from kinscape.backend.studies.effects import Row
from kinscape.backend.studies.template import PAIRS, SINGLES, Design, Found, Pairs

SETTINGS = "settings"
# Settings beyond are a continuum, not a grid.
MOST_SETTINGS = 40
# Two settings have a difference, not an order.
FEWEST = 3


@dataclass(frozen=True)
class OverTags:
    """Means over the networks of each setting, of single models and of pairs within the setting.

    The two tags are those with the most different values among the networks, the tag ``match`` left out.
    """

    role: str

    def pairs(self, cast: Cast) -> Pairs:
        """Pairs of networks of one setting."""
        tags = self._tags(cast)
        some = self._placed(cast, tags)
        if len(tags) < 2:
            return set()
        return {
            (a.id, b.id) for k, a in enumerate(some) for b in some[k + 1 :] if all(a.tag(t) == b.tag(t) for t in tags)
        }

    @property
    def reads(self) -> frozenset[Arity]:
        """Every measure."""
        return PAIRS | SINGLES

    def design(self, cast: Cast) -> Design:
        """Nothing is tested."""
        return Design(0, "settings")

    def cautions(self, cast: Cast) -> list[str]:
        """Whether there are two tags to make a grid of."""
        tags = self._tags(cast)
        if len(tags) > 1:
            return []
        has = f"there is only {tags[0]}" if tags else "there is none"
        return [
            f"A grid needs two tags with several values each, such as load and temperature; beside {cast.match!r}, "
            f"which pairs networks, {has}. Give the networks another one in the library."
        ]

    def find(self, data: StudyData) -> Found:
        """A grid for each measure, and how it goes along either tag."""
        tags = self._tags(data.cast)
        if len(tags) < 2:
            return Found(warnings=self.cautions(data.cast))
        some = self._placed(data.cast, tags)
        lost = len(data.cast[self.role]) - len(some)
        warnings = [f"{counted(lost, 'networks')} without both tags left out."] if lost else []
        numbers = [(c.title, c.key, _of_single(some, tags, c.values)) for c in data.singles]
        numbers += [(c.title, c.key, _of_pairs(some, tags, c)) for c in data.pairs]
        rows, grids = [], []
        for title, key, table in numbers:
            grids.append(_grid(title, key, tags, table))
            rows += [Row(_along(title, key, tags, (which, table))) for which in (0, 1)]
        return Found(rows=rows, grids=grids, warnings=warnings)

    def _placed(self, cast: Cast, tags: Sequence[str]) -> list[Candidate]:
        """Networks that have every tag."""
        return [one for one in cast[self.role] if all(one.tag(t) for t in tags)]

    def _tags(self, cast: Cast) -> list[str]:
        values: dict[str, set[str]] = {}
        for one in cast[self.role]:
            for tag in one.tags or {}:
                if tag != cast.match:
                    values.setdefault(tag, set()).add(one.tag(tag))
        several = [t for t, found in values.items() if 1 < len(found) <= MOST_SETTINGS]
        return sorted(sorted(several, key=lambda t: -len(values[t]))[:2])


def _of_single(
    some: Sequence[Candidate], tags: Sequence[str], values: Mapping[int, float]
) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for one in some:
        if np.isfinite(values.get(one.id, np.nan)):
            found.setdefault((one.tag(tags[0]), one.tag(tags[1])), []).append(values[one.id])
    return found


def _of_pairs(some: Sequence[Candidate], tags: Sequence[str], column: PairColumn) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for k, a in enumerate(some):
        for b in some[k + 1 :]:
            value = column.value(a.id, b.id)
            if all(a.tag(t) == b.tag(t) for t in tags) and np.isfinite(value):
                found.setdefault((a.tag(tags[0]), a.tag(tags[1])), []).append(value)
    return found


def in_order(values: set[str]) -> list[str]:
    """Settings by size where all are numbers, else by name."""
    try:
        return sorted(values, key=float)
    except ValueError:
        return sorted(values)


def _grid(title: str, key: str, tags: Sequence[str], table: Mapping[tuple[str, str], Sequence[float]]) -> Grid:
    rows, columns = (in_order({place[k] for place in table}) for k in (0, 1))
    values = [[(float(np.mean(of)) if (of := table.get((r, c))) else None) for c in columns] for r in rows]
    return Grid(
        title=title, measure=key, rows=rows, columns=columns, row_tag=tags[0], column_tag=tags[1], values=values
    )


def _along(
    title: str, key: str, tags: Sequence[str], which_table: tuple[int, Mapping[tuple[str, str], Sequence[float]]]
) -> Effect:
    """Spearman's ρ of a tag with the means of settings, within each value of the other tag, and the mean over these.

    Over all settings at once, the other tag would hide it. Settings are no sample, so there is no test.
    """
    which, table = which_table
    blank = Effect(
        suite=SETTINGS,
        measure=key,
        title=title,
        contrast=f"along {tags[which]}",
        kind=EffectKind.ASSOCIATION,
        effect=None,
        unit="settings",
        n=len(table),
    )
    rows: dict[str, list[tuple[float, float]]] = {}
    try:
        for place, of in table.items():
            rows.setdefault(place[1 - which], []).append((float(place[which]), float(np.mean(of))))
    except ValueError:
        return blank.model_copy(update={"sentence": f"The values of {tags[which]} are not numbers."})
    lines = [np.array(row).T for row in rows.values() if len(row) >= FEWEST]
    if not lines:
        return blank.model_copy(update={"sentence": f"No {tags[1 - which]} has {FEWEST} values of {tags[which]}."})
    found = np.array([float(spearman(*line)) for line in lines])
    if not np.isfinite(found).any():
        return blank.model_copy(update={"sentence": "It is the same for all settings."})
    up, down = int((found > 0).sum()), int((found < 0).sum())
    told = f"It rises in {up} and falls in {down} of {counted(len(found), 'values')} of {tags[1 - which]}."
    return blank.model_copy(update={"effect": float(np.nanmean(found)), "sentence": told, "n": len(table)})
