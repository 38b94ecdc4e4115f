"""Whether references make enough mistakes for what is said of mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinscape.backend.contracts.cards import Arity
from kinscape.backend.studies.cast import Cast
from kinscape.backend.studies.data import StudyData
from kinscape.backend.studies.template import PAIRS, SINGLES, Design, Found, Pairs

# A share of fewer has a standard error above 0.07, as large as what is usually found.
FEWEST = 50


@dataclass(frozen=True)
class EnoughMistakes:
    """Warns where a measure of shared mistakes rests on few of them.

    Attributes:
        role: whose mistakes are counted, from the accuracy on the study's probe set.
        measures: slugs of measures that rest on them.
    """

    role: str
    measures: Sequence[str]

    @property
    def reads(self) -> frozenset[Arity]:
        """Measures of mistakes, and the accuracy."""
        return PAIRS | SINGLES

    def pairs(self, cast: Cast) -> Pairs:
        """No pairs of its own."""
        return set()

    def design(self, cast: Cast) -> Design:
        """Nothing is tested."""
        return Design(0, self.role)

    def find(self, data: StudyData) -> Found:
        """A sentence where too few are known."""
        accuracy = data.single("accuracy")
        titles = [c.title for c in data.pairs if c.card.slug in self.measures and not c.is_detail]
        if accuracy is None or not titles or not data.samples:
            return Found()
        shares = [accuracy.values.get(one.id, np.nan) for one in data.cast[self.role]]
        counts = [round((1 - share) * data.samples) for share in shares if np.isfinite(share)]
        if not counts or min(counts) >= FEWEST:
            return Found()
        few, many = min(counts), max(counts)
        between = f"{few}" if few == many else f"{few} to {many}"
        return Found(
            warnings=[
                f"{titles[0]} rests on {between} mistakes of each {self.role} among {data.samples} samples: with fewer "
                f"than {FEWEST} it says little. Use a larger or harder probe set."
            ]
        )
