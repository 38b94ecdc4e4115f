"""Where the numbers of a picture come from, in one line."""

from kinscape.backend.contracts.cards import Role
from kinscape.backend.contracts.comparisons import AskedMeasure
from kinscape.backend.contracts.matrices import MatrixHeader
from kinscape.backend.contracts.words import number


def provenance(raw: MatrixHeader, measure: AskedMeasure, layer: str | None) -> str:
    """Samples, layer, parameters, method and version behind the numbers of a picture."""
    settings = settings_of(measure)
    parts = [
        f"N = {raw.n}" if raw.n else "",
        f"{raw.role} samples" if raw.role not in ("", Role.NONE) else "",
        f"layer {layer}" if layer else "",
        settings,
        raw.method,
        _band(raw),
        f"{measure.slug} v{measure.version}",
    ]
    return " · ".join(p for p in parts if p)


def _band(raw: MatrixHeader) -> str:
    if raw.band is None:
        return ""
    b = raw.band
    return (
        f"seeds: {b.roots} independent networks of {b.group or 'no group'}, {b.pairs} pairs, "
        f"{number(b.mean)} ± {number(b.deviation)}"
    )


def settings_of(measure: AskedMeasure) -> str:
    """The parameters of a measure as a reader writes them."""
    return ", ".join(f"{k} = {v}" for k, v in measure.parameters.items())
