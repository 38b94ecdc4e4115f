"""How much networks differ by nothing but chance."""

from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.studies.headlines.reading import Reading, lowered, sized
from kinscape.backend.studies.spread import BETWEEN, OF_SEEDS


def chance(reading: Reading) -> list[str]:
    """The first measure of pairs, and the first of single networks."""
    told = []
    pair, single = _first(reading, BETWEEN), _first(reading, OF_SEEDS)
    if pair is not None:
        told.append(
            f"Two networks that differ by nothing but chance: {lowered(pair.title)} {sized(pair)} on average. "
            f"{pair.sentence} A copy that is nearer than all of them has kept some of its network."
        )
    if single is not None:
        told.append(f"{single.title} of one network: {sized(single)} on average. {single.sentence}")
    return told


def _first(reading: Reading, contrast: str) -> Effect | None:
    found = (e for e in reading.effects if e.kind is EffectKind.MEAN and e.contrast == contrast)
    return next((e for e in found if e.effect is not None), None)
