"""How long after learning networks generalise, and what changes in between."""

from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.contracts.words import counted, number
from kinscape.backend.studies.headlines.reading import Reading, in_words, lowered, p_in_words, sized
from kinscape.backend.studies.trajectories import BETWEEN, DELAY

MOST_NAMED = 4


def delayed(reading: Reading) -> list[str]:
    """The delay of each group, whether groups differ, and what changes from learning to generalising."""
    told = []
    for group, e in reading.means(DELAY).items():
        at_least = "at least " if e.sentence else ""
        told.append(
            f"{group}: held-out samples are learned {at_least}{sized(e)} steps after train samples, "
            f"over {counted(e.n, e.unit)}."
        )
    for e in reading.contrasts(DELAY):
        if e.p_adjusted is not None:
            first, _, second = e.contrast.partition(" − ")
            verb = f"takes {e.hypothesis}" if reading.direction(e) else "is not shown to differ"
            against = "than" if reading.direction(e) else "from"
            told.append(f"{first} {verb} {against} {second}: adjusted {p_in_words(e.p_adjusted)}.")
    return told + _between(reading)


def _between(reading: Reading) -> list[str]:
    """What changes between the two steps in every group whose interval leaves no change out."""
    changes: dict[str, list[Effect]] = {}
    for e in reading.effects:
        if e.kind is EffectKind.MEAN and e.suite == BETWEEN and e.effect is not None:
            changes.setdefault(e.title, []).append(e)
    sure = {title: some for title, some in changes.items() if all(_is_apart(e) for e in some)}
    if not changes:
        return []
    if not sure:
        return ["In between no number is shown to change in all groups."]
    named = [
        f"{lowered(title)} ({', '.join(f'{e.contrast} by {number(e.effect or 0)}' for e in some)})"
        for title, some in list(sure.items())[:MOST_NAMED]
    ]
    more = f" and {len(sure) - MOST_NAMED} more" if len(sure) > MOST_NAMED else ""
    return [f"From the one step to the other changes: {in_words(named)}{more}."]


def _is_apart(effect: Effect) -> bool:
    return effect.low is not None and effect.high is not None and (effect.low > 0 or effect.high < 0)
