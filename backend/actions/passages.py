"""When training runs first reach a limit, and which group of them is sooner."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from kinscape.backend.contracts.trajectories import Against, FirstPassage, PassageTest, TrainingRun, TrajectoryLine
from kinscape.backend.statistics.paired import Tested, censored_samples

# A test needs two runs of each group.
FEWEST_RUNS = 2


def passages(lines: Sequence[TrajectoryLine], limit: float, *, falling: bool) -> list[FirstPassage]:
    """The first step of every run at which its number is at least the limit, or at most when it falls to it.

    A run that never gets there is censored at the last step that has a number.
    """
    found = []
    for line in lines:
        known = [(s, v) for s, v in zip(line.steps, line.values, strict=True) if v is not None]
        if line.against is Against.OTHER or not known:
            continue
        step = next((s for s, v in known if (v <= limit if falling else v >= limit)), None)
        found.append(FirstPassage(place=line.place, against=line.against, step=step, watched=known[-1][0]))
    return found


def compared(found: Sequence[FirstPassage], runs: Sequence[TrainingRun]) -> list[PassageTest]:
    """Every two groups with two runs or more, by what their lines are held against."""
    out = []
    for against in dict.fromkeys(one.against for one in found):
        groups: dict[str, list[FirstPassage]] = {}
        for one in found:
            if one.against is against:
                groups.setdefault(runs[one.place].group, []).append(one)
        several = {group: of for group, of in groups.items() if len(of) >= FEWEST_RUNS}
        out += [_tested(against, (a, b), (several[a], several[b])) for a, b in combinations(sorted(several), 2)]
    return out


def _tested(
    against: Against, groups: tuple[str, str], sides: tuple[Sequence[FirstPassage], Sequence[FirstPassage]]
) -> PassageTest:
    one, two = (np.array([float(p.watched if p.step is None else p.step) for p in side]) for side in sides)
    seen = np.array([p.step is not None for side in sides for p in side], dtype=bool)
    tested: Tested = censored_samples(one, two, seen)
    sooner = "" if tested.p_less == tested.p_greater else groups[int(tested.p_greater < tested.p_less)]
    return PassageTest(
        against=against,
        groups=groups,
        runs=(len(one), len(two)),
        sooner=sooner,
        p=min(1.0, 2 * min(tested.p_less, tested.p_greater)),
        smallest_p=min(1.0, 2 * tested.smallest),
    )
