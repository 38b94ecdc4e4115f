"""Every test of a study, over lineages that really depend on one another: how often it errs, how often it finds."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from kinscape.backend.contracts.cards import Direction
from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.conditions import Conditions
from kinscape.backend.studies.data import StudyData
from kinscape.backend.studies.effects import adjusted
from kinscape.backend.studies.goes_with import GoesWith
from kinscape.backend.studies.layerwise import Layerwise
from kinscape.backend.studies.matched import MatchedPairs
from kinscape.backend.studies.template import Analysis
from kinscape.backend.studies.trajectories import Trajectories
from tests.backend.studies.test_analyses import column, run, single

WORLDS = 150
# A jackknife of families takes twenty times as long as a test of signs.
WORLDS_OF_FAMILIES = 50
LEVEL = 0.05
Rng = np.random.Generator
World = Callable[[Rng, float], StudyData]


def slack(worlds: int) -> float:
    """Three standard errors of a share of 0.05 of so many worlds."""
    return float(3 * np.sqrt(LEVEL * (1 - LEVEL) / worlds))


def found_in(analysis: Analysis, world: World, effect: float, worlds: int) -> tuple[float, float]:
    """In which share of worlds anything is found: as it was expected, and the other way round."""
    expected = opposite = 0
    for number in range(worlds):
        rng = np.random.default_rng(number)
        tested = [e for e in adjusted(analysis.find(world(rng, effect)).rows) if e.kind is not EffectKind.MEAN]
        expected += any(_is_below(e.p_adjusted) for e in tested)
        opposite += any(_is_below(e.p_opposite_adjusted) for e in tested)
    return expected / worlds, opposite / worlds


def _is_below(p: float | None) -> bool:
    return p is not None and p <= LEVEL


def school(rng: Rng, effect: float) -> StudyData:
    """Six teachers, some of which everybody is far from; two students and a sibling each, in three measures."""
    teachers = [Candidate(i, f"t{i}") for i in range(1, 7)]
    students = [Candidate(10 * i + k, f"s{i}-{k}", teacher_id=i) for i in range(1, 7) for k in (1, 2)]
    siblings = [Candidate(10 * i + 3, f"b{i}", init_of_id=i) for i in range(1, 7)]
    cast = Cast({"teacher": teachers, "student": students, "sibling": siblings}, "seed")
    ids = [c.id for c in cast.everyone]
    far = {t.id: rng.normal() for t in teachers}
    shared = {(s.id, t.id): rng.normal() for s in (*students, *siblings) for t in teachers}
    columns = []
    for k in range(3):
        values = {
            (s, t): 5 + far[t] + 0.5 * common + 0.5 * rng.normal() - effect * (t in (s // 10,) and s % 10 < 3)
            for (s, t), common in shared.items()
        }
        columns.append(column(f"distance-{k}", ids, values))
    return StudyData(cast, columns, [])


def recipes(rng: Rng, effect: float) -> StudyData:
    """Eight seeds, which differ much, under a baseline and two recipes, in six measures of two suites."""
    base = [Candidate(i, f"base-{i}", group="base", tags={"seed": str(i)}) for i in range(1, 9)]
    others = [
        Candidate(100 * k + i, f"{group}-{i}", group=group, tags={"seed": str(i)})
        for k, group in enumerate(("aug", "sam"), start=1)
        for i in range(1, 9)
    ]
    everyone = [*base, *others]
    seeds = {i: 3 * rng.normal() for i in range(1, 9)}
    common = {c.id: rng.normal() for c in everyone}
    columns = []
    for k in range(6):
        direction = Direction.LOWER_IS_FLATTER if k < 3 else Direction.LOWER_IS_BETTER
        values = {
            c.id: seeds[c.id % 100] + 0.7 * common[c.id] + 0.7 * rng.normal() - effect * (c.group == "sam")
            for c in everyone
        }
        columns.append(single(f"m{k}", values, direction))
    return StudyData(Cast({"base": base, "condition": others}, "seed"), [], columns)


def runs(rng: Rng, effect: float) -> StudyData:
    """Six runs in each of two groups, with delays of which some are not waited for."""
    checkpoints, accuracy, gap = [], {}, {}
    for number in range(12):
        group = "slow" if number < 6 else "fast"
        of = run(f"{group}{number}", group, 100 * number + 1, steps=12)
        general = 2 + rng.exponential(4.0) * (1 + effect * (group == "slow"))
        for k, c in enumerate(of):
            accuracy[c.id] = 0.97 if k >= general else 0.5
            gap[c.id] = (1.0 if k >= 1 else 0.5) - accuracy[c.id]
        checkpoints += of
    columns = [
        single("accuracy", accuracy, Direction.HIGHER_IS_BETTER),
        single("generalisation-gap", gap, Direction.NEITHER),
    ]
    return StudyData(Cast({"run": checkpoints}, "seed"), [], columns)


def layers(rng: Rng, effect: float) -> StudyData:
    """Eight networks of six layers with four metrics, of which the first may tell what a reset changes."""
    networks = [Candidate(i, f"n{i}") for i in range(1, 9)]
    names = [f"layer{k}" for k in range(6)]
    change = {c.id: dict(zip(names, rng.normal(size=6).tolist(), strict=True)) for c in networks}
    columns = [single("random", {}, Direction.NEITHER, layers=change)]
    for k in range(4):
        table = {
            i: {name: effect * (k == 0) * value + rng.normal() for name, value in of.items()}
            for i, of in change.items()
        }
        columns.append(single(f"metric-{k}", {}, Direction.NEITHER, layers=table))
    return StudyData(Cast({"network": networks}, "seed"), [], columns)


def families(rng: Rng, effect: float) -> StudyData:
    """Twelve starts of three networks that are nearly alike, with sharpness and errors."""
    some = [
        Candidate(10 * family + k, f"f{family}-{k}", init_of_id=None if k == 0 else 10 * family)
        for family in range(1, 13)
        for k in range(3)
    ]
    own = {family: rng.normal(size=6) for family in range(1, 13)}

    def values(k: int, follows: float) -> dict[int, float]:
        return {c.id: own[c.id // 10][k] + follows * own[c.id // 10][0] + 0.1 * rng.normal() for c in some}

    columns = [
        single("train-loss", values(5, 0.0), Direction.LOWER_IS_BETTER),
        *(single(f"sharp-{k}", values(k, 0.0), Direction.LOWER_IS_FLATTER) for k in range(2)),
        *(single(f"error-{k}", values(k, effect), Direction.LOWER_IS_BETTER) for k in (2, 3)),
    ]
    return StudyData(Cast({"base": some}, "seed"), [], columns)


MATCHED = MatchedPairs(
    reference="teacher",
    unit="teachers",
    roles=("student", "sibling"),
    unrelated="independent",
    own=("student",),
    contrasts=(("student", "sibling"),),
)
TESTS: Sequence[tuple[str, Analysis, World, float]] = (
    ("own against others, and controls", MATCHED, school, 1.5),
    ("conditions by seed", Conditions("base", "condition"), recipes, 2.5),
    ("delays of runs", Trajectories("run"), runs, 30.0),
    ("metrics over layers", Layerwise("network", "start", reset="reset", random="random"), layers, 3.0),
    ("associations over families", GoesWith(("sharpness",), ("safety",)), families, 4.0),
)


@pytest.mark.parametrize(("analysis", "world", "effect"), [t[1:] for t in TESTS], ids=[t[0] for t in TESTS])
def test_a_study_errs_as_seldom_as_it_says_and_finds_what_is_there(
    analysis: Analysis, world: World, effect: float
) -> None:
    """All tests of a study at once, where nothing differs; then one difference of the size that it should find."""
    worlds = WORLDS_OF_FAMILIES if world is families else WORLDS
    expected, opposite = found_in(analysis, world, 0.0, worlds)
    assert expected <= LEVEL * suites_of(analysis, world) + slack(worlds)
    # A direction that was not expected must reach half the level.
    assert opposite <= LEVEL / 2 * suites_of(analysis, world) + slack(worlds)
    power, _ = found_in(analysis, world, effect, worlds)
    assert power >= 0.8


def suites_of(analysis: Analysis, world: World) -> int:
    """How many families of tests are adjusted by themselves."""
    effects: list[Effect] = adjusted(analysis.find(world(np.random.default_rng(0), 0.0)).rows)
    return len({(e.suite, e.test.split(" over ")[0]) for e in effects if e.p_adjusted is not None})
