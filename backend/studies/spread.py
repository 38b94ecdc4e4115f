"""How much independent seeds differ: the baseline of every other comparison."""

from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.studies import Dots, Effect, EffectKind
from kinscape.backend.contracts.words import counted
from kinscape.backend.statistics import groups, paired
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.data import PairColumn, SingleColumn, StudyData
from kinscape.backend.studies.effects import Row
from kinscape.backend.studies.template import PAIRS, SINGLES, Design, Found, Pairs

BETWEEN, OF_SEEDS = "between two seeds", "mean of seeds"


@dataclass(frozen=True)
class Spread:
    """Mean and range over pairs of independent networks of one role, and over the networks themselves."""

    role: str

    @property
    def reads(self) -> frozenset[Arity]:
        """Every measure."""
        return PAIRS | SINGLES

    def pairs(self, cast: Cast) -> Pairs:
        """All pairs of different families."""
        some = self._independent(cast)
        return {(a.id, b.id) for k, a in enumerate(some) for b in some[k + 1 :]}

    def design(self, cast: Cast) -> Design:
        """Nothing is tested."""
        return Design(0, "networks")

    def find(self, data: StudyData) -> Found:
        """One effect for each measure, and what lies behind it."""
        some = self._independent(data.cast)
        lost = len(data.cast[self.role]) - len(some)
        why = "left out: of a family (a common ancestor, start, teacher or run, or equal weights) one counts."
        warnings = [f"{counted(lost, 'related networks')} {why}"] if lost else []
        rows = [Row(self._pairwise(c, some)) for c in data.pairs] + [Row(self._single(c, some)) for c in data.singles]
        return Found(rows=rows, dots=[_dots(c, some) for c in data.singles], warnings=warnings)

    def _independent(self, cast: Cast) -> list[Candidate]:
        """One network of each family."""
        families = cast.families
        first: dict[int, Candidate] = {}
        for one in sorted(cast[self.role], key=lambda c: c.id):
            first.setdefault(families[one.id], one)
        return list(first.values())

    def _pairwise(self, column: PairColumn, some: list[Candidate]) -> Effect:
        table = np.array([[np.nan if a is b else column.value(a.id, b.id) for b in some] for a in some])
        table = np.where(np.isfinite(table), table, table.T)
        numbers = table[np.triu_indices(len(some), 1)]
        numbers = numbers[np.isfinite(numbers)]
        blank = self._blank(column.key, column.title, BETWEEN, len(some))
        if not len(numbers):
            return blank.model_copy(update={"sentence": "No pair of them has this number."})
        low, high = groups.bootstrap_within(table) or (None, None)
        told = (
            f"The {len(numbers)} pairs lie between {numbers.min():.3g} and {numbers.max():.3g} (standard deviation "
            f"{numbers.std(ddof=1):.3g})."
        )
        if len(numbers) == 1:
            told = "There is one pair: nothing says how much others would differ from it."
        return blank.model_copy(
            update={
                "effect": float(numbers.mean()),
                "low": low,
                "high": high,
                "sentence": told,
                "test": "bootstrap of networks" if low is not None else "",
            }
        )

    def _single(self, column: SingleColumn, some: list[Candidate]) -> Effect:
        numbers = np.array([column.values[c.id] for c in some if c.id in column.values])
        blank = self._blank(column.key, column.title, OF_SEEDS, len(numbers))
        if not len(numbers):
            return blank.model_copy(update={"sentence": "None of them has this number."})
        low, high = paired.mean_interval(numbers) or (None, None)
        told = f"Single networks lie between {numbers.min():.3g} and {numbers.max():.3g}"
        if len(numbers) > 1:
            apart = paired.apart_by_chance(numbers)
            told += (
                f" (standard deviation {numbers.std(ddof=1):.3g}); two of them differ by less than {apart:.3g} in 95 "
                "cases of 100, were they normal"
            )
        return blank.model_copy(
            update={
                "effect": float(numbers.mean()),
                "low": low,
                "high": high,
                "sentence": f"{told}.",
                "test": "t interval" if low is not None else "",
            }
        )

    def _blank(self, key: str, title: str, contrast: str, n: int) -> Effect:
        return Effect(
            measure=key, title=title, contrast=contrast, kind=EffectKind.MEAN, effect=None, n=n, unit="networks"
        )


def _dots(column: SingleColumn, some: list[Candidate]) -> Dots:
    values = [column.values.get(c.id) for c in some]
    return Dots(
        title=column.title,
        measure=column.key,
        unit="networks",
        roles=[OF_SEEDS],
        units=[c.name for c in some],
        values=[[v if v is not None and np.isfinite(v) else None for v in values]],
    )
