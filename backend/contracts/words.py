"""Numbers as people write them, the same in sentences and on the screen."""

import math
from collections.abc import Sequence


def number(value: float) -> str:
    """Three significant digits."""
    if math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 100000 or size < 0.0001:
        return f"{value:.2e}"
    digits = max(0, 3 - len(str(int(size)))) if size >= 1 else 3
    if size < 0.1:
        digits = 4
    if size < 0.01:
        digits = 5
    return f"{value:.{digits}f}"


def interval(low: float, high: float) -> str:
    """An interval in words; nothing where there is none."""
    return "" if math.isnan(low) or math.isnan(high) else f"{number(low)} to {number(high)}"


def counted(count: int, plural: str) -> str:
    """A number of things: 1 teacher, 5 teachers; 1 family, 5 families."""
    one = f"{plural.removesuffix('ies')}y" if plural.endswith("ies") else plural.removesuffix("s")
    return f"{count} {one if count == 1 else plural}"


def listed(names: Sequence[str], *, most: int) -> str:
    """Names in a row; of many the first, and how many follow: "a, b and 3 more"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
