"""Matrices and tables as the server sends them."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kinscape.backend.contracts.matrices import PackedHeader
from kinscape.client.http import Http

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PackedMatrix:
    """One measure as the server sends it.

    Attributes:
        values, low, high: ``(models, models)``, or ``(models, 1)`` for a measure of single models; NaN where there
            is no number.
        told: the same shape; positions in ``header.reasons``, -1 where there is a number.
    """

    header: PackedHeader
    values: Floats
    low: Floats
    high: Floats
    told: npt.NDArray[np.int32]

    @classmethod
    def read(cls, archive: bytes) -> "PackedMatrix":
        """What a numpy archive of the server holds."""
        with np.load(io.BytesIO(archive)) as arrays:
            header = PackedHeader.model_validate_json(arrays["header"].tobytes())
            return cls(header, arrays["values"], arrays["low"], arrays["high"], arrays["reasons"])

    def reasons(self) -> dict[tuple[int, int], str]:
        """Sentence by (row, column) for every place without a number."""
        rows, columns = np.nonzero(self.told >= 0)
        codes = self.told[rows, columns].tolist()
        places = zip(rows.tolist(), columns.tolist(), strict=True)
        return {place: self.header.reasons[code].sentence for place, code in zip(places, codes, strict=True)}


@dataclass(frozen=True)
class Table:
    """Several measures of single models: rows are models, columns are measures."""

    values: Floats
    low: Floats
    high: Floats
    labels: list[str]
    measures: list[str]
    reasons: dict[tuple[int, int], str]

    def to_pandas(self) -> Any:
        """The values as a pandas DataFrame (pandas must be installed)."""
        import pandas  # an optional dependency: only this method needs it

        return pandas.DataFrame(self.values, index=self.labels, columns=self.measures)


def packed_matrix(http: Http, comparison: int, measure: str, **how: Any) -> PackedMatrix:
    """One measure of a comparison as the server sends it; call ``how`` as in ``Comparison.packed_matrix``."""
    answer = http.request(
        "GET", f"/comparisons/{comparison}/matrix", params={"measure": measure, "format": "npz", **how}
    )
    return PackedMatrix.read(answer.content)
