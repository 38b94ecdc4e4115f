"""How long after learning networks generalise, and what changes in between."""

from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.contracts.words import counted, number
from kinscape.backend.studies.headlines.reading import Reading, lowered, p_in_words, sized
from kinscape.backend.studies.trajectories import BETWEEN, DELAY, HELD_OUT_LIMIT, TRAIN_LIMIT

MOST_NAMED = 4


def delayed(reading: Reading) -> list[str]:
    """The delay of each group, whether groups differ, and what changes from learning to generalising."""
    told = []
    for group, e in reading.means(DELAY).items():
        at_least = "at least " if e.sentence else ""
        told.append(
            f"{group}: accuracy on held-out samples passes {HELD_OUT_LIMIT} {at_least}{sized(e)} steps after that on "
            f"train samples passes {TRAIN_LIMIT}, over {counted(e.n, e.unit)}."
        )
    for e in reading.contrasts(DELAY):
        if e.p_adjusted is not None:
            size = f"{sized(e)} steps" if e.effect is not None else "the mean difference is not known"
            least = ", the smallest that there is" if e.p is not None and e.p == e.smallest_p else ""
            found = (
                f"{size} ({reading.direction(e) or 'no difference shown'}; adjusted {p_in_words(e.p_adjusted)}{least})"
            )
            told.append(f"{e.contrast}: {found}.")
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
        f"{lowered(title)} by {' and '.join(f'{number(e.effect or 0)} ({e.contrast})' for e in some)}"
        for title, some in list(sure.items())[:MOST_NAMED]
    ]
    more = f" and {len(sure) - MOST_NAMED} more" if len(sure) > MOST_NAMED else ""
    return [f"From the one step to the other change {'; '.join(named)}{more}."]


def _is_apart(effect: Effect) -> bool:
    return effect.low is not None and effect.high is not None and (effect.low > 0 or effect.high < 0)
