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
    near, far, level, order = told("compression", effects)
    assert order.endswith("p10 0, quantised 0.0100, distilled 0.0500, independent 0.0600, p90 0.200.")
    assert near.endswith(": quantised (1 of 1 measures) and p10 (1 of 1 measures).")
    assert far.startswith("Farther")
    assert far.endswith(": p90 (1 of 1 measures).")
    assert level.startswith("Not told apart")
    assert level.endswith(": distilled (nearer in 0, farther in 0 of 1).")
    # Another measure does not leave the same open; what is found in most of them counts.
    other = [e.model_copy(update={"measure": "js"}) for e in effects]
    other = [e.model_copy(update={"low": -0.02, "high": -0.005}) if "distilled −" in e.contrast else e for e in other]
    assert "distilled (nearer in 1, farther in 0 of 2)" in told("compression", [*effects, *other])[2]


def test_of_similarities_the_largest_is_the_nearest() -> None:
    more = {"sign": 1, "hypothesis": "closer"}
    effects = [
        mean("cka", "pruned", 0.5),
        mean("cka", "quantised", 0.99),
        mean("cka", "independent", 0.7),
        contrast("cka", "quantised − independent", 0.29, low=0.2, high=0.4, **more),
        contrast("cka", "pruned − independent", -0.2, low=-0.3, high=-0.1, **more),
    ]
    near, far, order = told("compression", effects)
    assert order.index("quantised") < order.index("independent") < order.index("pruned")
    assert ": quantised (" in near
    assert ": pruned (" in far


def test_students_are_held_against_what_start_and_order_give() -> None:
    effects = [
        mean("distance", "student", 0.03),
        contrast("distance", "student: own − other teachers", -0.03, **found()),
        contrast("distance", "student − same-init-other-order", 0.005, **open_()),
    ]
    own, start, order, _ = told("distillation", effects)
    assert own.startswith("Students are nearer to their own teacher")
    assert "adjusted p = .020" in own
    assert start.startswith("They are not shown to be nearer than networks that only share the teacher's start")
    # The p is that of the direction which was asked about.
    assert start.endswith("adjusted p = .400.")
    assert order.startswith("Nobody shares the teacher's order of data")
    own, *_ = told("distillation", [effects[0], effects[1].model_copy(update={"p_adjusted": 0.3})])
    assert "not shown to be nearer" in own
    farther = effects[2].model_copy(update={"low": 0.001, "high": 0.009})
    assert told("distillation", [*effects[:2], farther])[1].endswith("; if anything they are farther.")


def test_students_of_noise_are_the_control_of_a_shared_start() -> None:
    effects = [
        mean("distance", "student", 0.03),
        contrast("distance", "noise-student: own − other teachers", -0.02, **found()),
        contrast("accuracy", "noise − teacher", 0.01, **found("better", "worse")),
        contrast("distance", "mixed-student − same-init-other-order", 0.0, **open_()),
    ]
    said = told("distillation", effects)
    assert any(sentence.startswith("Students of noise, which had nothing to learn, are nearer") for sentence in said)
    assert any(sentence.startswith("noise − teacher: accuracy better") for sentence in said)
    assert any("They may have learned from labels alone" in sentence for sentence in said)


def test_conditions_that_change_sharpness_are_asked_for_safety() -> None:
    effects = [
        contrast("trace", "sam − sgd", -3, suite="sharpness", smallest_p=0.01, **found("flatter", "sharper")),
        contrast("ece", "sam − sgd", 0.1, suite="safety", smallest_p=0.01, **open_("better")),
    ]
    assert told("sharp-minima", effects) == [
        "No condition is shown to change both, sharpness and calibration or robustness, in most measures.",
        "sam − sgd: flatter in 1 of 1 measures of sharpness.",
    ]
    sharper = {"p_adjusted": 1.0, "p_opposite_adjusted": 0.02}
    effects = [effects[0].model_copy(update=sharper), effects[1].model_copy(update={"p_adjusted": 0.02})]
    first, second = told("sharp-minima", effects)
    assert first == "sam − sgd is sharper and better in most measures. Flat minima are not needed for it."
    assert "sharper in 1 of 1 measures of sharpness; better in 1 of 1 measures of calibration" in second
    loss = contrast("train-loss", "sam − sgd", 0.1, suite="training", **{**found("better", "worse"), **sharper})
    assert "They fit the train samples less" in told("sharp-minima", [*effects, loss])[0]
    few = [e.model_copy(update={"smallest_p": 0.125, "n": 3, "unit": "seeds"}) for e in effects]
    (sentence,) = told("sharp-minima", few)
    assert sentence.startswith("3 seeds cannot show that any condition differs")


def test_associations_are_followed_to_equal_train_loss() -> None:
    def pair(title: str, contrast: str, rho: float, p: float) -> Effect:
        more = {"suite": "associations", "hypothesis": "worse" if rho > 0 else "better", "title": title}
        return mean(title, contrast, rho, kind="association", p_adjusted=p, **more)

    tested = contrast("trace", "sam − sgd", -3, suite="sharpness", smallest_p=0.01, **open_("flatter"))
    raw = [("a", -0.5, 0.01), ("b", 0.5, 0.01), ("c", -0.6, 0.02), ("d", 0.0, 1.0)]
    held = [("a", 0.4, 0.01), ("b", 0.4, 0.01), ("c", -0.1, 0.9), ("d", 0.5, 0.01)]
    both = [pair(t, "raw", rho, p) for t, rho, p in raw]
    both += [pair(t, "controlling for train loss", rho, p) for t, rho, p in held]
    assert told("sharp-minima", [tested, *both])[-1] == (
        "Of 4 associations, 2 say that sharper goes with better and 1 says that sharper goes with worse as they are; "
        "3 say that sharper goes with worse at equal train loss (a: ρ = -0.50, then 0.40)."
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
    assert first == (
        "sgd: 77 % of the weights can go at the optimum of the curve, 60 % by the rule for a safe share; "
        "accuracy there 0.900 against 0.950 unpruned."
    )
    assert more == "More can be pruned: l1 − sgd by 0.130, adjusted p = .020."
    after = contrast("prune-accuracy", "l1 − sgd", -0.05, **open_("better"))
    assert told("good-prune", [*effects, after])[1].endswith("accuracy after pruning not told apart.")
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
    assert "passes 0.95 450 steps after" in fast
    assert "passes 0.95 at least 750 steps after" in slow
    assert both == "fast − slow: -300 steps (shorter; adjusted p = .020)."


def test_settings_are_told_by_what_rises_and_falls() -> None:
    def along(title: str, rho: float) -> Effect:
        return mean(title, "along width", rho, kind="association", suite=SETTINGS, title=title)

    (sentence,) = told("population", [along("Train loss", -0.9), along("Accuracy", 0.8), along("Linear CKA", 0.1)])
    assert sentence == (
        "Along width: accuracy (ρ = 0.80) rises; train loss (ρ = -0.90) falls; linear CKA has no common order."
    )


def test_no_numbers_make_no_headline() -> None:
    for name, template in catalogue().items():
        assert template.answer([], 0.05) == [], name
        assert template.headline is not None, name
    assert Reading([], 0.05).first() == ""
