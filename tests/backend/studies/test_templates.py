"""Every template: complete, and of measures that there are."""

import pytest

from kinscape.backend.contracts.problems import NotFound
from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.backend.studies.cast import Candidate, Cast, filled
from kinscape.backend.studies.data import SingleColumn, StudyData
from kinscape.backend.studies.effects import adjusted
from kinscape.backend.studies.template import Design, Template, catalogue, template_named
from kinscape.backend.studies.verdicts import is_found, power_of, verdict
from kinscape.worker.measures.catalogue import catalogue as measures


@pytest.mark.parametrize("template", catalogue().values(), ids=list(catalogue()))
def test_a_template_is_complete(template: Template) -> None:
    card = template.card()
    assert card.question.endswith("?")
    assert card.pitfalls
    assert len({role.name for role in card.roles}) == len(card.roles)
    for measure in card.measures:
        assert measure.slug in measures(), measure.slug
        measures()[measure.slug].card.settings(measure.parameters)
    names = {role.name for role in card.roles}
    for roles in template.references.values():
        assert set(roles) <= names
    nobody = Cast({}, "seed")
    assert template.pairs(nobody) == set()
    assert template.analyses[0].design(nobody).units == 0


def test_what_there_is_not_is_said_with_what_there_is() -> None:
    with pytest.raises(NotFound, match="there are compression, critical-layers, distillation"):
        template_named("alchemy")


def test_each_checkpoint_has_one_role() -> None:
    everyone = [Candidate(i, f"n{i}") for i in range(3)]
    cast = filled({"first": [0, 1, 1], "second": [1, 2, 9]}, everyone, match="seed")
    assert {role: [c.id for c in some] for role, some in cast.roles.items()} == {"first": [0, 1], "second": [2]}


def effect(**more: object) -> Effect:
    """A contrast that was found, unless said otherwise."""
    fields = {
        "measure": "m",
        "title": "Measure",
        "contrast": "a − b",
        "kind": "contrast",
        "effect": -0.5,
        "low": -0.7,
        "high": -0.3,
        "p": 0.03,
        "p_opposite": 1.0,
        "p_adjusted": 0.04,
        "p_opposite_adjusted": 1.0,
        "smallest_p": 1 / 32,
        "n": 5,
        "unit": "teachers",
        "test": "exact sign-flip test over 5 teachers, one-sided",
        "hypothesis": "closer",
        "opposite": "farther",
    }
    return Effect.model_validate({**fields, **more})


def test_a_sentence_has_effect_interval_and_test() -> None:
    (told,) = verdict([effect()], 0.05)
    assert told == (
        "a − b: closer. Measure differs by -0.500 (95 % -0.700 to -0.300); "
        "exact sign-flip test over 5 teachers, one-sided, adjusted p = .040."
    )


def test_what_was_not_found_is_not_claimed() -> None:
    (told,) = verdict([effect(p_adjusted=0.06)], 0.05)
    assert "no difference beyond chance" in told
    assert "closer" not in told
    assert is_found(effect(p_adjusted=0.05), 0.05)


def test_the_opposite_is_said_to_be_against_the_hypothesis() -> None:
    (told,) = verdict([effect(p_adjusted=1.0, p_opposite_adjusted=0.01, effect=0.5)], 0.05)
    assert "farther, against the hypothesis" in told
    assert "p = .010" in told


def test_too_few_units_are_told_and_not_taken_for_no_difference() -> None:
    (told,) = verdict([effect(p_adjusted=0.25, smallest_p=0.25, n=2)], 0.05)
    assert "so few teachers cannot show one, the smallest p is 0.25" in told


def test_measures_that_say_the_same_share_a_sentence() -> None:
    told = verdict([effect(), effect(title="Other"), effect(title="Third", p_adjusted=0.9)], 0.05)
    assert len(told) == 2
    assert "closer in 2 of 3 measures" in told[0]
    assert "So does Other." in told[0]
    assert "no difference beyond chance in 1 of 3 measures" in told[1]


def test_power_is_told_before_anything_is_seen() -> None:
    few = power_of(Design.of_pairs(4, "teachers"), 0.05)
    assert few.smallest_p == 1 / 16
    assert few.detectable is None
    assert "5 teachers are needed" in few.sentence
    assert power_of(Design.of_pairs(1, "teachers"), 0.05).sentence.startswith("1 teacher:")
    assert power_of(Design(0, "teachers"), 0.05).smallest_p is None
    assert power_of(Design.of_pairs(10, "seeds"), 0.05).detectable is not None
    # At the level itself a test can still find something.
    assert "No difference can be found" not in power_of(Design.of_pairs(4, "seeds"), 1 / 16).sentence
    assert "more seeds are needed" in power_of(Design.of_pairs(300, "seeds"), 1e-9).sentence
    assert "more runs are needed" in power_of(Design(4, "runs", 1 / 6, is_paired=False), 0.05).sentence


def test_settings_are_described() -> None:
    along = effect(
        kind="association", suite="settings", contrast="along load", effect=0.9, p=None, unit="settings", n=6
    )
    assert verdict([along], 0.05) == ["Measure, along load: Spearman's ρ = 0.90 over 6 settings."]


@pytest.mark.parametrize(
    ("one", "is_start"),
    [
        (Candidate(1, "init-3"), True),
        (Candidate(1, "untrained"), True),
        (Candidate(1, "net", step=0, run="r"), True),
        (Candidate(1, "net", group="init"), True),
        # Trained networks that start like another, or are called after how they began.
        (Candidate(1, "same-init-other-order", init_of_id=2), False),
        (Candidate(1, "other-init-same-order"), False),
        (Candidate(1, "distilled-same-init", teacher_id=2), False),
        (Candidate(1, "init-3 pruned", parent_id=2), False),
        (Candidate(1, "initech"), False),
    ],
)
def test_who_seems_to_be_a_network_before_training(one: Candidate, is_start: bool) -> None:  # noqa: FBT001
    start = next(role for role in template_named("critical-layers").roles if role.name == "start")
    assert start.suggests is not None
    assert start.suggests(one, [one]) is is_start


def test_a_good_prune_is_one_that_takes_more() -> None:
    conditions = template_named("good-prune").analyses[0]
    base = [Candidate(i, f"a{i}", group="sgd", tags={"seed": str(i)}) for i in range(1, 7)]
    other = [Candidate(10 + i, f"b{i}", group="wd", tags={"seed": str(i)}) for i in range(1, 7)]
    optimum = {c.id: 0.8 + (0.05 if c.group == "wd" else 0.0) + c.id % 10 / 1000 for c in (*base, *other)}
    card = measures()["prune-optimum"].card
    column = SingleColumn("prune-optimum", card.title, card, optimum)
    found = adjusted(conditions.find(StudyData(Cast({"base": base, "condition": other}, "seed"), [], [column])).rows)
    (more,) = [e for e in found if e.kind is EffectKind.CONTRAST]
    assert (more.contrast, more.sign, more.hypothesis, more.p) == ("wd − sgd", 1, "higher", 1 / 64)


def test_a_grid_without_two_tags_is_told_before_it_is_computed() -> None:
    some = [Candidate(i, f"n{i}", tags={"seed": str(i), "load": str(i)}) for i in range(1, 5)]
    (told,) = template_named("population").cautions(Cast({"network": some}, "seed"))
    assert "two tags" in told
    assert "there is only load" in told
