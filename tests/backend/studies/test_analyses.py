"""Each analysis on numbers whose answer is known by hand."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from kinscape.backend.contracts.cards import Arity, Card, Direction, Family, Input, Role, Topic, Uncertainty
from kinscape.backend.contracts.studies import Effect
from kinscape.backend.studies.cast import Candidate, Cast
from kinscape.backend.studies.conditions import Conditions
from kinscape.backend.studies.data import PairColumn, SingleColumn, StudyData
from kinscape.backend.studies.effects import adjusted
from kinscape.backend.studies.goes_with import GoesWith
from kinscape.backend.studies.layerwise import TO_RANDOM, TO_START, Layerwise
from kinscape.backend.studies.matched import MatchedPairs
from kinscape.backend.studies.mistakes import EnoughMistakes
from kinscape.backend.studies.over_tags import OverTags
from kinscape.backend.studies.spread import Spread
from kinscape.backend.studies.trajectories import Trajectories, first_passage


def card(slug: str, *, direction: Direction = Direction.LOWER_IS_ALIKE, arity: Arity = Arity.PAIR) -> Card:
    """A card of no real measure."""
    topic = {
        Direction.LOWER_IS_BETTER: Topic.CALIBRATION,
        Direction.LOWER_IS_FLATTER: Topic.LOSS_LANDSCAPE,
    }.get(direction, Topic.FUNCTIONAL_SIMILARITY)
    return Card(
        slug=slug,
        title=slug.title(),
        summary="A number.",
        family=Family.FUNCTIONAL,
        topic=topic,
        arity=arity,
        input=Input.OUTPUTS,
        formula="x",
        low=0,
        high=None,
        direction=direction,
        role=Role.HELD_OUT,
        uncertainty=Uncertainty.EXACT,
        reliable_from="always",
        pitfalls="none",
        source="here",
    )


def column(
    slug: str,
    ids: Sequence[int],
    values: Mapping[tuple[int, int], float],
    *,
    direction: Direction = Direction.LOWER_IS_ALIKE,
    series: Mapping[tuple[int, int], Mapping[str, Sequence[object]]] | None = None,
) -> PairColumn:
    """A measure of pairs with the numbers of some of them."""
    table = np.full((len(ids), len(ids)), np.nan)
    for (a, b), v in values.items():
        table[ids.index(a), ids.index(b)] = table[ids.index(b), ids.index(a)] = v
    known = series or {}
    return PairColumn(
        key=slug,
        title=slug.title(),
        card=card(slug, direction=direction),
        ids=ids,
        values=table,
        replicates=lambda a, b: table[ids.index(a), ids.index(b)] + np.linspace(-0.01, 0.01, 10),
        series=lambda a, b: known.get((a, b), {}),
    )


def single(slug: str, values: Mapping[int, float], direction: Direction, **more: object) -> SingleColumn:
    """A measure of single models."""
    made = card(slug, direction=direction, arity=Arity.MODEL)
    return SingleColumn(key=slug, title=slug.title(), card=made, values=values, **more)  # type: ignore[arg-type]


def only(effects: Sequence[Effect], **wanted: str) -> Effect:
    """The one effect of this kind."""
    found = [e for e in effects if all(getattr(e, k) == v for k, v in wanted.items())]
    assert len(found) == 1, [(e.measure, e.contrast, e.kind) for e in effects]
    return found[0]


def school() -> Cast:
    """Five teachers (1 … 5), their students (11 … 15) and their siblings (21 … 25)."""
    teachers = [Candidate(i, f"t{i}") for i in range(1, 6)]
    students = [Candidate(10 + i, f"s{i}", teacher_id=i) for i in range(1, 6)]
    siblings = [Candidate(20 + i, f"b{i}", init_of_id=i) for i in range(1, 6)]
    return Cast({"teacher": teachers, "student": students, "sibling": siblings}, "seed")


MATCHED = MatchedPairs(
    reference="teacher",
    unit="teachers",
    roles=("student", "sibling"),
    unrelated="independent",
    own=("student",),
    contrasts=(("student", "sibling"), ("student", "independent")),
)


def test_students_are_compared_with_their_own_teacher() -> None:
    """A mean over all pairs would say the opposite: students are far from the other teachers."""
    cast = school()
    ids = [c.id for c in cast.everyone]
    values = {(a, b): 0.5 for a in range(1, 6) for b in range(a + 1, 6)}
    values |= {(10 + i, j): 0.9 for i in range(1, 6) for j in range(1, 6)}
    values |= {(10 + i, i): 0.1 * i for i in range(1, 6)}
    values |= {(20 + i, i): 0.1 * i + 0.02 * i for i in range(1, 6)}
    found = MATCHED.find(StudyData(cast, [column("distance", ids, values)], []))
    effects = adjusted(found.rows)
    assert only(effects, contrast="student", kind="mean").effect == pytest.approx(0.3)
    assert only(effects, contrast="independent", kind="mean").effect == pytest.approx(0.5)
    closer = only(effects, contrast="student − sibling")
    assert closer.effect == pytest.approx(-0.06)
    assert (closer.p, closer.n, closer.hypothesis) == (1 / 32, 5, "closer")
    assert closer.p_adjusted is not None
    assert closer.p_adjusted >= 1 / 32
    own = only(effects, contrast="student: own − other teachers")
    # Of 120 ways to give students to teachers, theirs is the nearest.
    assert (own.p, own.n) == (1 / 120, 5)
    assert own.effect == pytest.approx(0.3 - 0.9)
    shared = only(effects, contrast="student − independent")
    assert shared.p is None
    assert "share these networks" in shared.sentence


def test_few_mistakes_of_a_teacher_are_told() -> None:
    cast = school()
    ids = [c.id for c in cast.everyone]
    shared = column("negative-transfer", ids, {(11, 1): 0.5})
    accuracy = single("accuracy", {i: 0.9 + i / 100 for i in range(1, 6)}, Direction.HIGHER_IS_BETTER)
    few = EnoughMistakes("teacher", ("negative-transfer",))
    (told,) = few.find(StudyData(cast, [shared], [accuracy], samples=500)).warnings
    assert told.startswith("Negative-Transfer rests on 25 to 45 mistakes of each teacher among 500 samples")
    for enough in (
        StudyData(cast, [shared], [accuracy], samples=2000),
        StudyData(cast, [], [accuracy], samples=500),
        StudyData(cast, [shared], [], samples=500),
        StudyData(cast, [shared], [accuracy]),
    ):
        assert not few.find(enough).warnings


def test_only_own_pairs_are_asked_for() -> None:
    cast = school()
    pairs = {(min(p), max(p)) for p in MATCHED.pairs(cast)}
    # Students with all teachers, siblings with their own, teachers among themselves.
    assert len(pairs) == 25 + 5 + 10
    assert (1, 12) in pairs
    assert (1, 22) not in pairs


def test_where_more_is_alike_higher_is_closer() -> None:
    cast = school()
    ids = [c.id for c in cast.everyone]
    values = {(10 + i, i): 0.9 for i in range(1, 6)} | {(20 + i, i): 0.5 + 0.01 * i for i in range(1, 6)}
    similar = column("cka", ids, values, direction=Direction.HIGHER_IS_ALIKE)
    closer = only(adjusted(MATCHED.find(StudyData(cast, [similar], [])).rows), contrast="student − sibling")
    assert closer.effect == pytest.approx(0.37)
    assert closer.p == 1 / 32


def test_one_teacher_has_an_interval_over_samples_and_no_test() -> None:
    cast = Cast({role: some[:1] for role, some in school().roles.items()}, "seed")
    ids = [c.id for c in cast.everyone]
    found = MATCHED.find(StudyData(cast, [column("distance", ids, {(1, 11): 0.1, (1, 21): 0.3})], []))
    closer = only(adjusted(found.rows), contrast="student − sibling")
    assert closer.p is None
    assert closer.effect == pytest.approx(-0.2)
    assert closer.low is not None
    assert "over samples" in closer.sentence


def test_who_belongs_to_nobody_is_named() -> None:
    cast = Cast({**school().roles, "student": [Candidate(99, "orphan")]}, "seed")
    found = MATCHED.find(StudyData(cast, [], []))
    assert "orphan: nothing says which of the teachers it belongs to" in found.warnings[0]


def test_a_tag_says_who_belongs_to_whom_where_lineage_does_not() -> None:
    teachers = [Candidate(i, f"t{i}", tags={"seed": str(i)}) for i in (1, 2)]
    one = Candidate(9, "copy", tags={"seed": "2"})
    cast = Cast({"teacher": teachers, "student": [one]}, "seed")
    owner = cast.owner_of(one, teachers)
    assert owner is not None
    assert owner.name == "t2"
    assert Cast(cast.roles, "fold").owner_of(one, teachers) is None


def recipes(seeds: int, groups: Sequence[str] = ("base", "sam")) -> Cast:
    """Networks of some groups, paired by seed."""
    made = {
        g: [Candidate(100 * k + s, f"{g}{s}", group=g, tags={"seed": str(s)}) for s in range(1, seeds + 1)]
        for k, g in enumerate(groups)
    }
    return Cast({"base": made[groups[0]], "condition": [c for g in groups[1:] for c in made[g]]}, "seed")


def test_conditions_are_paired_by_seed() -> None:
    """Seeds differ a hundred times as much as conditions do: only pairs show it."""
    cast = recipes(7)
    trace = {s: 10.0 * s for s in range(1, 8)} | {100 + s: 10.0 * s - 0.1 * (1 + s / 10) for s in range(1, 8)}
    ece = dict.fromkeys(range(1, 8), 0.1) | {100 + s: 0.1 + 0.01 * s for s in range(1, 8)}
    data = StudyData(
        cast,
        [],
        [single("trace", trace, Direction.LOWER_IS_FLATTER), single("ece", ece, Direction.LOWER_IS_BETTER)],
    )
    effects = adjusted(Conditions("base", "condition").find(data).rows)
    flatter = only(effects, measure="trace", contrast="sam − base")
    assert (flatter.suite, flatter.hypothesis, flatter.statistic) == ("sharpness", "flatter", -1.0)
    assert flatter.p == flatter.p_adjusted == 1 / 128
    worse = only(effects, measure="ece", contrast="sam − base")
    assert (worse.suite, worse.p, worse.p_opposite) == ("safety", 1.0, 1 / 128)
    assert worse.p_opposite_adjusted == pytest.approx(2 / 128)


def test_what_nothing_pairs_is_compared_as_two_groups() -> None:
    base = [Candidate(i, f"a{i}", group="base") for i in range(1, 5)]
    other = [Candidate(10 + i, f"b{i}", group="sam") for i in range(1, 5)]
    values = {c.id: float(c.id) for c in (*base, *other)}
    data = StudyData(
        Cast({"base": base, "condition": other}, "seed"), [], [single("trace", values, Direction.LOWER_IS_FLATTER)]
    )
    found = only(adjusted(Conditions("base", "condition").find(data).rows), contrast="sam − base")
    assert found.p_opposite == pytest.approx(1 / 70)
    assert "Mann–Whitney" in found.test
    assert found.adjustment == "Benjamini–Yekutieli"


def test_a_condition_of_the_baselines_name_does_not_replace_it() -> None:
    base = [Candidate(i, f"a{i}", group="sgd", tags={"seed": str(i)}) for i in range(1, 5)]
    more = [Candidate(10 + i, f"b{i}", group="sgd", tags={"seed": str(i)}) for i in range(1, 5)]
    values = {c.id: 1.0 for c in base} | {c.id: 3.0 for c in more}
    cast = Cast({"base": base, "condition": more}, "seed")
    found = Conditions("base", "condition").find(StudyData(cast, [], [single("t", values, Direction.NEITHER)]))
    effects = adjusted(found.rows)
    assert only(effects, contrast="sgd (baseline)").effect == 1.0
    assert only(effects, contrast="sgd − sgd (baseline)").effect == 2.0


def test_several_networks_of_one_seed_count_by_their_mean() -> None:
    cast = recipes(3)
    twice = Candidate(999, "again", group="sam", tags={"seed": "3"})
    cast = Cast({**cast.roles, "condition": [*cast["condition"], twice]}, "seed")
    values = dict.fromkeys(range(1, 4), 0.0) | {101: 1.0, 102: 1.0, 103: 1.0, 999: 4.0}
    found = Conditions("base", "condition").find(StudyData(cast, [], [single("t", values, Direction.NEITHER)]))
    effect = only(adjusted(found.rows), contrast="sam − base")
    assert effect.effect == pytest.approx((1 + 1 + 2.5) / 3)
    assert effect.n == 3


def test_what_unpaired_groups_can_show_is_told() -> None:
    base = [Candidate(i, f"a{i}", group="base") for i in range(1, 5)]
    other = [Candidate(10 + i, f"b{i}", group="sam") for i in range(1, 5)]
    design = Conditions("base", "condition").design(Cast({"base": base, "condition": other}, "seed"))
    assert (design.units, design.unit, design.is_paired) == (8, "networks", False)
    assert design.smallest_p == pytest.approx(1 / 70)


def test_associations_hold_the_train_loss_still() -> None:
    rng = np.random.default_rng(1)
    some = [Candidate(i, f"n{i}") for i in range(1, 31)]
    loss = {c.id: float(rng.normal()) for c in some}
    sharp = {i: v + 0.3 * float(rng.normal()) for i, v in loss.items()}
    error = {i: v + 0.3 * float(rng.normal()) for i, v in loss.items()}
    columns = [
        single("train-loss", loss, Direction.LOWER_IS_BETTER),
        single("trace", sharp, Direction.LOWER_IS_FLATTER),
        single("ece", error, Direction.LOWER_IS_BETTER),
    ]
    data = StudyData(Cast({"base": some}, "seed"), [], columns)
    effects = adjusted(GoesWith(("sharpness",), ("safety",)).find(data).rows)
    raw, held = only(effects, contrast="raw"), only(effects, contrast="controlling for train loss")
    assert raw.p_adjusted is not None
    assert raw.p_adjusted < 0.001
    assert held.p_adjusted is not None
    assert held.p_adjusted > 0.05


def test_layers_are_ranked_network_by_network() -> None:
    networks = [Candidate(i, f"n{i}") for i in range(1, 6)]
    starts = [Candidate(10 + i, f"start{i}", init_of_id=i) for i in range(1, 6)]
    layers = ["a", "b", "c", "d"]
    series = {(i, 10 + i): {"layer": layers, "value": [4.0, 3.0, 2.0, 1.0]} for i in range(1, 6)}
    ids = [*range(1, 6), *range(11, 16)]
    metric = {i: dict(zip(layers, (40.0, 30.0, 20.0, 10.0), strict=True)) for i in range(1, 6)}
    random = {i: dict(zip(layers, (1.0, 2.0, 2.5, 0.5 * i), strict=True)) for i in range(1, 6)}
    # Starts have numbers by layer as well: they are no networks that the study asks about.
    metric |= {i: dict(zip(layers, (1.0, 2.0, 3.0, 4.0), strict=True)) for i in range(11, 16)}
    random |= {i: dict(zip(layers, (1.0, 2.0, 3.0, 4.0), strict=True)) for i in range(11, 16)}
    data = StudyData(
        Cast({"network": networks, "start": starts}, "seed"),
        [column("reset", ids, {}, series=series)],
        [
            single("metric", {}, Direction.NEITHER, layers=metric),
            single("random", {}, Direction.NEITHER, layers=random),
        ],
    )
    found = Layerwise("network", "start", reset="reset", random="random").find(data)
    effects = adjusted(found.rows)
    to_start = only(effects, contrast=f"τ with {TO_START}")
    assert (to_start.effect, to_start.p) == (1.0, 1 / 32)
    to_random = only(effects, contrast=f"τ with {TO_RANDOM}", kind="contrast")
    assert to_random.n == to_start.n == 5
    assert to_random.effect is not None
    assert to_random.effect < 0
    assert found.warnings == []
    twin = Candidate(6, "n6", init_of_id=1)
    more = Cast({**data.cast.roles, "network": [*networks, twin]}, "seed")
    again = Layerwise("network", "start", reset="reset", random="random").find(
        StudyData(more, data.pairs, data.singles)
    )
    assert again.warnings == ["1 network related to others counted as independent: p is too small."]
    assert Layerwise("network", "start", reset="reset", random="random").pairs(data.cast) == {
        (i, 10 + i) for i in range(1, 6)
    }


def run(name: str, group: str, first: int, steps: int = 5) -> list[Candidate]:
    """The checkpoints of a run, a hundred steps apart."""
    return [Candidate(first + k, f"{name}-{k}", group=group, run=name, step=100 * k) for k in range(steps)]


def test_delays_are_counted_from_learning_to_generalising() -> None:
    runs = [run("a1", "dense", 10), run("a2", "dense", 20), run("b1", "svd", 30), run("b2", "svd", 40)]
    train_at, held_out_at = [1, 1, 1, 1], [4, 9, 2, 3]
    accuracy: dict[int, float] = {}
    gap: dict[int, float] = {}
    for of, learned, general in zip(runs, train_at, held_out_at, strict=True):
        for k, c in enumerate(of):
            accuracy[c.id] = 0.97 if k >= general else 0.5
            gap[c.id] = (1.0 if k >= learned else 0.5) - accuracy[c.id]
    data = StudyData(
        Cast({"run": [c for of in runs for c in of]}, "seed"),
        [],
        [
            single("accuracy", accuracy, Direction.HIGHER_IS_BETTER),
            single("generalisation-gap", gap, Direction.NEITHER),
        ],
    )
    found = Trajectories("run").find(data)
    effects = adjusted(found.rows)
    # The second dense run never generalises: it counts as the longest, and its mean as a lower bound.
    dense = only(effects, measure="delay", contrast="dense")
    assert (dense.effect, dense.n, dense.low) == (300.0, 2, None)
    assert "At least" in dense.sentence
    assert only(effects, measure="delay", contrast="svd").effect == 150.0
    tested = only(effects, measure="delay", contrast="dense − svd")
    # The censored run was watched for 300 steps, longer than either of the others took.
    # No group is expected to be sooner: twice the smaller p, and the word of its side.
    assert tested.p == pytest.approx(2 / 6)
    assert (tested.hypothesis, tested.p_opposite, tested.p_opposite_adjusted) == ("longer", None, None)
    assert "two-sided" in tested.test
    assert tested.effect is None
    assert "not known" in tested.sentence
    assert any("Censored" in w and "a2" in w for w in found.warnings)
    assert {line.measure for line in found.lines} == {"accuracy", "accuracy on train samples"}


def test_a_run_that_was_watched_too_shortly_says_nothing() -> None:
    """Five runs were left after 40 steps, five others took 4,990: nobody knows who is faster."""
    short = [run(f"a{k}", "short", 100 * k, steps=2) for k in range(5)]
    long = [run(f"b{k}", "long", 1000 + 100 * k, steps=60) for k in range(5)]
    everyone = [c for of in (*short, *long) for c in of]
    accuracy = {c.id: 0.97 if c.group == "long" and (c.step or 0) >= 5000 else 0.5 for c in everyone}
    gap = {i: 1.0 - v for i, v in accuracy.items()}
    columns = [
        single("accuracy", accuracy, Direction.HIGHER_IS_BETTER),
        single("generalisation-gap", gap, Direction.NEITHER),
    ]
    found = Trajectories("run").find(StudyData(Cast({"run": everyone}, "seed"), [], columns))
    tested = only(adjusted(found.rows), measure="delay", contrast="long − short")
    assert (tested.p, tested.p_opposite) == (1.0, None)


def test_runs_of_one_name_in_two_groups_are_two_runs() -> None:
    some = [*run("seed0", "dense", 10), *run("seed0", "svd", 20)]
    data = StudyData(Cast({"run": some}, "seed"), [], [single("loss", {c.id: 1.0 for c in some}, Direction.NEITHER)])
    (lines,) = Trajectories("run").find(data).lines
    assert [(line.name, line.group, len(line.steps)) for line in lines.lines] == [
        ("dense/seed0", "dense", 5),
        ("svd/seed0", "svd", 5),
    ]


def test_the_first_passage_of_nothing_is_nowhere() -> None:
    assert first_passage([0, 1, 2], [0.1, np.nan, 0.9], 0.95) is None
    assert first_passage([0, 1, 2], [0.1, 0.96, 0.9], 0.95) == 1
    assert first_passage([], [], 0.5) is None


def test_related_seeds_count_once() -> None:
    some = [Candidate(1, "a"), Candidate(2, "b"), Candidate(3, "c"), Candidate(4, "copy of a", root_id=1)]
    cast = Cast({"seeds": some}, "seed")
    values = {(1, 2): 0.1, (1, 3): 0.2, (2, 3): 0.3, (1, 4): 0.0, (2, 4): 9.0, (3, 4): 9.0}
    found = Spread("seeds").find(StudyData(cast, [column("distance", [1, 2, 3, 4], values)], []))
    effect = found.rows[0].effect
    assert (effect.effect, effect.n) == (pytest.approx(0.2), 3)
    assert "1 related network left out" in found.warnings[0]
    assert "0.1 and 0.3" in effect.sentence


def test_settings_are_ordered_as_numbers() -> None:
    some = [
        Candidate(10 * i + j, f"n{i}{j}", tags={"load": str(load), "temperature": str(t), "seed": str(i)})
        for i, load in enumerate((2, 10, 30), start=1)
        for j, t in enumerate((0.1, 0.5))
    ]
    values = {c.id: float(c.tag("load")) for c in some}
    data = StudyData(Cast({"network": some}, "seed"), [], [single("loss", values, Direction.LOWER_IS_BETTER)])
    found = OverTags("network").find(data)
    assert found.grids[0].rows == ["2", "10", "30"]
    assert found.grids[0].columns == ["0.1", "0.5"]
    along = only([r.effect for r in found.rows], contrast="along load")
    assert along.effect == pytest.approx(1.0)
    assert along.p is None
