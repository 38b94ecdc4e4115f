"""Headlines answer the question of a study, and claim no more than the effects behind them."""

from kinscape.backend.contracts.studies import Effect
from kinscape.backend.studies.headlines.reading import Reading
from kinscape.backend.studies.layerwise import BY_LAYER, TO_RANDOM
from kinscape.backend.studies.matched import BY_GROUP
from kinscape.backend.studies.over_tags import SETTINGS
from kinscape.backend.studies.template import catalogue


def told(template: str, effects: list[Effect]) -> list[str]:
    return catalogue()[template].answer(effects, 0.05)


def mean(measure: str, contrast: str, value: float, **more: object) -> Effect:
    fields = {"measure": measure, "title": measure.capitalize(), "contrast": contrast, "kind": "mean", "effect": value}
    return Effect.model_validate({"n": 5, "unit": "networks", **fields, **more})


def contrast(measure: str, name: str, value: float, **more: object) -> Effect:
    return mean(measure, name, value, kind="contrast", **more)


def found(word: str = "closer", opposite: str = "farther") -> dict[str, object]:
    return {"p": 0.01, "p_adjusted": 0.02, "p_opposite_adjusted": 1.0, "hypothesis": word, "opposite": opposite}


def open_(word: str = "closer") -> dict[str, object]:
    return {**found(word), "p_adjusted": 0.4}


def test_copies_are_sorted_by_distance_and_held_against_a_new_training() -> None:
    effects = [
        mean("disagreement", "pruned", 0.1),
        mean("disagreement", "quantised", 0.01),
        mean("disagreement", "distilled", 0.05),
        mean("disagreement", "independent", 0.06),
        contrast("disagreement", "quantised − independent", -0.05, low=-0.06, high=-0.04),
        contrast("disagreement", "distilled − independent", -0.01, low=-0.03, high=0.01),
        mean("disagreement", "pruned: p10", 0.0, suite=BY_GROUP),
        mean("disagreement", "pruned: p90", 0.2, suite=BY_GROUP),
        contrast("disagreement", "pruned: p10 − independent", -0.06, low=-0.07, high=-0.05, suite=BY_GROUP),
        contrast("disagreement", "pruned: p90 − independent", 0.14, low=0.1, high=0.2, suite=BY_GROUP),
    ]
    order, near, far, level = told("compression", effects)
    assert order.endswith("p10 0, quantised 0.0100, distilled 0.0500, independent 0.0600, p90 0.200.")
    assert near.endswith(": quantised and p10.")
    assert far.startswith("Farther")
    assert far.endswith(": p90.")
    assert level.startswith("Not told apart")
    assert level.endswith(": distilled.")


def test_of_similarities_the_largest_is_the_nearest() -> None:
    more = {"sign": 1, "hypothesis": "closer"}
    effects = [
        mean("cka", "pruned", 0.5),
        mean("cka", "quantised", 0.99),
        mean("cka", "independent", 0.7),
        contrast("cka", "quantised − independent", 0.29, low=0.2, high=0.4, **more),
        contrast("cka", "pruned − independent", -0.2, low=-0.3, high=-0.1, **more),
    ]
    order, near, far = told("compression", effects)
    assert order.index("quantised") < order.index("independent") < order.index("pruned")
    assert near.endswith(": quantised.")
    assert far.endswith(": pruned.")


def test_students_are_held_against_what_start_and_order_give() -> None:
    effects = [
        mean("distance", "student", 0.03),
        contrast("distance", "student: own − other teachers", -0.03, **found()),
        contrast("distance", "student − same-init-other-order", 0.005, **open_()),
    ]
    _, own, start, order = told("distillation", effects)
    assert own.startswith("Students are nearer to their own teacher")
    assert "adjusted p = .020" in own
    assert start.startswith("They are not shown to be nearer than networks that only share the teacher's start")
    assert order.startswith("Nobody shares the teacher's order of data")
    _, own, *_ = told("distillation", [effects[0], effects[1].model_copy(update={"p_adjusted": 0.3})])
    assert "not shown to be nearer" in own


def test_conditions_that_change_sharpness_are_asked_for_safety() -> None:
    effects = [
        contrast("trace", "sam − sgd", -3, suite="sharpness", smallest_p=0.01, **found("flatter", "sharper")),
        contrast("ece", "sam − sgd", 0.1, suite="safety", smallest_p=0.01, **open_("better")),
    ]
    assert told("sharp-minima", effects) == [
        "sam − sgd: flatter in 1 of 1 measures of sharpness.",
        "None is shown to change calibration or robustness.",
    ]
    sharper = {"p_adjusted": 1.0, "p_opposite_adjusted": 0.02}
    effects = [effects[0].model_copy(update=sharper), effects[1].model_copy(update={"p_adjusted": 0.02})]
    assert "sharper and yet better" in told("sharp-minima", effects)[-1]
    few = [e.model_copy(update={"smallest_p": 0.125, "n": 3, "unit": "seeds"}) for e in effects]
    (sentence,) = told("sharp-minima", few)
    assert sentence.startswith("3 seeds cannot show that any condition differs")


def test_associations_are_followed_to_equal_train_loss() -> None:
    def pair(title: str, contrast: str, rho: float, p: float) -> Effect:
        return mean(title, contrast, rho, kind="association", suite="associations", title=title, p_adjusted=p)

    tested = contrast("trace", "sam − sgd", -3, suite="sharpness", smallest_p=0.01, **open_("flatter"))
    raw = [
        pair("a", "raw", -0.5, 0.01),
        pair("b", "raw", 0.5, 0.01),
        pair("c", "raw", 0.6, 0.02),
        pair("d", "raw", 0, 1),
    ]
    held = [("a", 0.4, 0.01), ("b", 0.4, 0.01), ("c", 0.1, 0.9), ("d", 0.5, 0.01)]
    same = [pair(title, "controlling for train loss", rho, p) for title, rho, p in held]
    assert told("sharp-minima", [tested, *raw, *same])[-1] == (
        "3 of 4 associations of sharpness with safety are found; at equal train loss 1 keep their sign, 1 turn it, "
        "1 vanish (a: ρ = -0.50, then 0.40)."
    )


def test_a_prune_is_told_with_what_it_costs() -> None:
    effects = [
        mean("prune-optimum", "sgd", 0.77),
        mean("prune-safe", "sgd", 0.6),
        mean("prune-accuracy", "sgd", 0.9),
        mean("accuracy", "sgd", 0.95),
        contrast("prune-optimum", "l1 − sgd", 0.13, **found("higher", "lower")),
        contrast("prune-optimum", "sam − sgd", 0.01, **open_("higher")),
    ]
    first, more, rest = told("good-prune", effects)
    assert first == "sgd: 77 % of the weights at the optimum, 60 % safely; accuracy there 0.900 against 0.950 unpruned."
    assert more == "More can be pruned: l1 − sgd: 0.130, adjusted p = .020."
    assert rest == "No difference in the optimum is shown for sam − sgd."


def test_layers_that_do_not_stand_out_are_said_not_to() -> None:
    wide = [
        mean(TO_RANDOM, "first", 0.88, suite=BY_LAYER, low=0.8, high=0.92),
        mean(TO_RANDOM, "last", 0.9, suite=BY_LAYER, low=0.85, high=0.95),
    ]
    (sentence,) = told("critical-layers", wide)
    assert "last changes outputs most" in sentence
    assert "no layer stands out" in sentence
    apart = [wide[0].model_copy(update={"high": 0.84}), wide[1]]
    tau = contrast("alpha", f"τ with {TO_RANDOM}", 0.2, **open_("positive"))
    first, second = told("critical-layers", [*apart, tau])
    assert "stands out" not in first
    assert second.startswith("None of 1 data-free metrics")


def test_a_delay_that_was_not_waited_for_is_at_least_that_long() -> None:
    effects = [
        mean("delay", "fast", 450, suite="delay", unit="runs"),
        mean("delay", "slow", 750, suite="delay", unit="runs", sentence="At least: some runs never got there."),
        contrast("delay", "fast − slow", -300, suite="delay", **found("shorter", "")),
    ]
    fast, slow, both = told("grokking", effects)
    assert "learned 450 steps after" in fast
    assert "learned at least 750 steps after" in slow
    assert both == "fast takes shorter than slow: adjusted p = .020."


def test_settings_are_told_by_what_rises_and_falls() -> None:
    def along(title: str, rho: float) -> Effect:
        return mean(title, "along width", rho, kind="association", suite=SETTINGS, title=title)

    (sentence,) = told("population", [along("Train loss", -0.9), along("Accuracy", 0.8), along("Linear CKA", 0.1)])
    assert sentence == (
        "Along width: accuracy (ρ = 0.80) rises; train loss (ρ = -0.90) falls; linear CKA shows no clear order."
    )


def test_no_numbers_make_no_headline() -> None:
    for name, template in catalogue().items():
        assert template.answer([], 0.05) == [], name
        assert template.headline is not None, name
    assert Reading([], 0.05).first() == ""
