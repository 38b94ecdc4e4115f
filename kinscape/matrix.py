"""A matrix of one measure, from a server or computed here."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kinscape.backend.contracts.cells import Estimate, IntervalKind
from kinscape.backend.contracts.problems import Unprocessable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """All pairs of some models: values and 95 % intervals, each ``(models, models)``; NaN where there is none.

    Attributes:
        reasons: why there is no number, by place.
        replicates: ``(groups, models, models)`` values with one group of samples left out; empty where they were
            not asked for, and in what a server sends.
        warning: a sentence to be read with the numbers.
        measure: its name.
        labels: names of the models, in the order of rows and columns.
        order: positions in clustered order; empty while it is not computed.
    """

    values: Floats
    low: Floats
    high: Floats
    reasons: dict[tuple[int, int], str]
    replicates: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))
    warning: str = ""
    measure: str = ""
    labels: list[str] = field(default_factory=list)
    order: list[int] = field(default_factory=list)

    def to_pandas(self) -> Any:
        """The values as a pandas DataFrame (pandas must be installed)."""
        import pandas  # an optional dependency: only this method needs it

        names = self.labels or None
        return pandas.DataFrame(self.values, index=names, columns=names)

    def difference(self, first: tuple[int, int], second: tuple[int, int]) -> Estimate:
        """First cell minus second cell, with the paired interval that comes from the same samples.

        Raises:
            Unprocessable: one of the two has no number.
        """
        for place in (first, second):
            if not np.isfinite(self.values[place]):
                raise Unprocessable(self.reasons.get(place, f"There is no number at {place}."))
        value = float(self.values[first] - self.values[second])
        if not len(self.replicates):
            return Estimate(value=value, method="no interval: values alone were asked for")
        from kinscape.backend.statistics.jackknife import half_width  # scipy: what a server sends has no replicates

        gaps = self.replicates[:, *first] - self.replicates[:, *second]
        half = float(half_width(gaps))
        return Estimate(
            value=value,
            low=value - half,
            high=value + half,
            interval=IntervalKind.SAMPLING,
            method=f"paired delete-a-group jackknife, {len(gaps)} groups",
            replicates=tuple(gaps.tolist()),
        )
