"""What goes along two settings of training."""

from kinscape.backend.contracts.studies import EffectKind
from kinscape.backend.studies.headlines.reading import Reading, in_words, lowered
from kinscape.backend.studies.over_tags import SETTINGS

# Mean coefficients beyond are called a rise or a fall; less is an order here and another there.
CLEAR = 0.8


def along(reading: Reading) -> list[str]:
    """For either tag what rises with it, what falls, and what depends on the other tag."""
    told = []
    some = [e for e in reading.effects if e.suite == SETTINGS and e.kind is EffectKind.ASSOCIATION]
    for contrast in dict.fromkeys(e.contrast for e in some):
        of = [e for e in some if e.contrast == contrast and e.effect is not None]
        parts = []
        for word, sign in (("rise", 1), ("fall", -1)):
            names = [f"{lowered(e.title)} (ρ = {e.effect or 0:.2f})" for e in of if sign * (e.effect or 0.0) >= CLEAR]
            if names:
                parts.append(f"{in_words(names)} {word if len(names) > 1 else word + 's'}")
        rest = [lowered(e.title) for e in of if abs(e.effect or 0.0) < CLEAR]
        if rest:
            parts.append(f"{in_words(rest)} {'have' if len(rest) > 1 else 'has'} no common order")
        if parts:
            told.append(f"{contrast.capitalize()}: {'; '.join(parts)}.")
    return told
