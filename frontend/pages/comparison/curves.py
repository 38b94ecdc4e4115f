"""What lies behind a cell: its curve, or the sentence why there is none."""

from kinscape.backend.contracts.cells import Reason
from kinscape.backend.contracts.comparisons import AskedMeasure
from kinscape.client import ClientError
from kinscape.frontend.figures.curves import Curve
from kinscape.frontend.pages.comparison.opened import OpenedComparison


def asked_measure(page: OpenedComparison, slug: str) -> AskedMeasure | None:
    """The measure of this slug, if the comparison asked for it."""
    return next((m for m in page.comparison.details.measures if m.slug == slug and m.slug in page.cards), None)


def fetched(page: OpenedComparison, measure: AskedMeasure, a: int, b: int, name: str) -> Curve | str:
    """What stands behind a cell, or the sentence why there is nothing."""
    try:
        cell = page.comparison.cell_between(measure.key, a, b)
    except ClientError as error:
        return str(error)
    return cell.sentence if isinstance(cell, Reason) else Curve(name, cell.series, cell.notes)
