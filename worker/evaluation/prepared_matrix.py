"""All pairs of prepared models as one matrix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Pace
from kinscape.worker.evaluation.batch import Pair, PairResults
from kinscape.worker.evaluation.pair_by_pair import PairByPair
from kinscape.worker.numerics.progress import steps

if TYPE_CHECKING:
    from kinscape.worker.evaluation.measure import Measure


@dataclass(frozen=True)
class PreparedMatrix(PairByPair):
    """A function of two lists of prepared models, which gives ``(left, right)`` numbers; equal to pair by pair."""

    matrix: Callable[..., Tensor]

    def values(
        self,
        measure: "Measure",
        left: Mapping[int, Any],
        right: Mapping[int, Any],
        pairs: Sequence[Pair],
        settings: Mapping[str, Any],
    ) -> PairResults:
        """Values of prepared models; of an expensive measure only the rows that are asked for, each on its own."""
        results = PairResults.blank(len(pairs), 0)
        for rows in steps(_rows(measure, pairs)):
            some = [pairs[k] for k in rows]
            firsts, seconds = (list(dict.fromkeys(side)) for side in zip(*some, strict=True))
            grid = self.matrix([left[a] for a in firsts], [right[b] for b in seconds], **settings)
            i, j = positions(some, firsts, seconds)
            results.values[rows] = grid.to(device="cpu", dtype=torch.float64)[i, j]
        return results


def _rows(measure: "Measure", pairs: Sequence[Pair]) -> list[list[int]]:
    if measure.card.pace is Pace.PRODUCT:
        return [list(range(len(pairs)))]
    rows: dict[int, list[int]] = {}
    for k, (a, _) in enumerate(pairs):
        rows.setdefault(a, []).append(k)
    return list(rows.values())


def positions(pairs: Sequence[Pair], firsts: Sequence[int], seconds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Where both sides of each pair stand in two lists."""
    rows, columns = ({name: k for k, name in enumerate(side)} for side in (firsts, seconds))
    return torch.tensor([rows[a] for a, _ in pairs]), torch.tensor([columns[b] for _, b in pairs])
