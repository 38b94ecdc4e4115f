"""Which layers a network cannot do without, and which metrics tell."""

from collections.abc import Mapping

from kinscape.backend.contracts.studies import Effect
from kinscape.backend.studies.headlines.reading import Reading, capital, in_words, lowered, sized
from kinscape.backend.studies.layerwise import BY_LAYER, TO_RANDOM, TO_START


def critical(reading: Reading) -> list[str]:
    """The most and the least critical layer of either reset, then the metrics that foretell it."""
    told = []
    for what in (TO_RANDOM, TO_START):
        layers = reading.means(what, BY_LAYER)
        if len(layers) > 1:
            told.append(_extremes(what, layers))
    for what in (TO_START, TO_RANDOM):
        tested = [e for e in reading.effects if e.contrast == f"τ with {what}" and e.p_adjusted is not None]
        if tested:
            told.append(_foretold(reading, what, tested))
    return told


def _foretold(reading: Reading, what: str, tested: list[Effect]) -> str:
    found = [e for e in tested if reading.direction(e)]
    if not found:
        return f"None of {len(tested)} data-free metrics is shown to tell the order of layers after a {what}."
    named = in_words([f"{lowered(e.title)} (τ = {e.effect or 0:.2f})" for e in found])
    verb = "tells" if len(found) == 1 else "tell"
    return f"{len(found)} of {len(tested)} data-free metrics {verb} the order of layers after a {what}: {named}."


def _extremes(what: str, layers: Mapping[str, Effect]) -> str:
    most, least = (pick(layers, key=lambda x: layers[x].effect or 0.0) for pick in (max, min))
    sizes = f"{most} changes outputs most, {sized(layers[most])}; {least} least, {sized(layers[least])}"
    low, high = layers[most].low, layers[least].high
    is_close = low is not None and high is not None and low <= high
    meet = ": their intervals meet, so no layer stands out and there is little to foretell" if is_close else ""
    return f"{capital(what)}: {sizes}{meet}."
