"""The demo studies say what is known of their questions: trained, asked and answered by the product alone."""

import pytest

from kinscape import Client
from kinscape.backend.contracts.studies import Effect, EffectKind
from kinscape.client import Study
from kinscape.demo.running import run
from kinscape.demo.studies import STUDIES
from tests.conftest import Server

pytestmark = pytest.mark.slow


def answered(server: Server, client: Client, template: str) -> Study:
    """The study after its networks were trained and it has run."""
    assert run(server.url, "", template) == 0
    project = client.project(f"demo: {template}")
    assert len(project.checkpoints()) == STUDIES[template].size
    study = project.studies()[0]
    assert study.state == "done"
    assert study.details.registration is not None
    assert study.details.registration.cells_known == 0
    return study


def contrast(study: Study, measure: str, name: str) -> Effect:
    found = [e for e in study.found.effects if (e.measure, e.contrast, e.kind) == (measure, name, EffectKind.CONTRAST)]
    assert len(found) == 1, [(e.measure, e.contrast) for e in study.found.effects]
    return found[0]


def mean(study: Study, measure: str, role: str) -> float:
    found = [e for e in study.found.effects if (e.measure, e.contrast, e.kind) == (measure, role, EffectKind.MEAN)]
    assert found[0].effect is not None
    return found[0].effect


def test_students_follow_their_teacher_and_so_do_siblings_of_its_start(server: Server, client: Client) -> None:
    """The confound of distillation from the teacher's start: the start alone gives as much."""
    study = answered(server, client, "distillation")
    own = contrast(study, "activation-distance", "student: own − other teachers")
    assert own.p_adjusted is not None
    assert own.p_adjusted < 0.05
    start = contrast(study, "activation-distance", "student − same-init-other-order")
    assert start.p_adjusted is not None
    assert start.p_adjusted > 0.05
    other = contrast(study, "activation-distance", "student − other-init-same-order")
    assert other.p == 1 / 32
    # Two slips in the loss leave plain training; a teacher of noise knows nothing and helps all the same.
    released = contrast(study, "activation-distance", "mixed-student − same-init-other-order")
    assert min(released.p_adjusted or 0, released.p_opposite_adjusted or 0) > 0.05
    noise = contrast(study, "accuracy", "noise − teacher")
    assert noise.hypothesis == "better"
    assert noise.p_adjusted == 1 / 32
    distances = [mean(study, "activation-distance", role) for role in ("student", "independent", "noise-student")]
    assert distances == sorted(distances)
    assert any("Students of labels too are not told apart" in sentence for sentence in study.verdict)


def test_copies_keep_their_parents_function_by_kind(server: Server, client: Client) -> None:
    study = answered(server, client, "compression")
    order = [mean(study, "activation-distance", role) for role in ("quantised", "distilled", "independent")]
    assert order == sorted(order)
    own = contrast(study, "disagreement", "quantised: own − other parents")
    assert own.p == 1 / 120
    assert own.p_adjusted is not None
    assert own.p_adjusted < 0.05


def test_metrics_foretell_a_reset_to_the_start_better_than_one_to_random_weights(
    server: Server, client: Client
) -> None:
    study = answered(server, client, "critical-layers")
    tests = [e for e in study.found.effects if e.kind is EffectKind.CONTRAST and e.p_adjusted is not None]
    found = [e.contrast for e in tests if min(e.p_adjusted or 1, e.p_opposite_adjusted or 1) <= 0.05]
    to_start, to_random = (found.count(f"τ with reset to {what}") for what in ("the start", "random weights"))
    assert to_start >= 2 > to_random
    # Of seven networks, not of these and their starts.
    assert {e.n for e in tests} == {7}


def test_more_weight_decay_generalises_sooner(server: Server, client: Client) -> None:
    study = answered(server, client, "grokking")
    sooner = contrast(study, "delay", "decay-1 − decay-2")
    assert sooner.p == pytest.approx(2 / 70)
    assert (sooner.hypothesis, sooner.p_opposite) == ("longer", None)
    assert mean(study, "delay", "decay-2") < mean(study, "delay", "decay-1")
    rank = {
        line.name: line.values
        for lines in study.found.lines
        if lines.measure == "effective-rank"
        for line in lines.lines
    }
    assert all(values[-1] < values[0] for values in rank.values() if values[-1] is not None and values[0] is not None)


def test_training_allows_more_to_be_pruned_and_weight_decay_more_still(server: Server, client: Client) -> None:
    study = answered(server, client, "good-prune")
    groups = ("untrained", "trained", "weight-decay")
    optimum, kurtosis = ([mean(study, slug, group) for group in groups] for slug in ("prune-optimum", "kurtosis"))
    assert optimum == sorted(optimum)
    assert kurtosis == sorted(kurtosis)
    assert 0.7 < optimum[0] < 0.8 < optimum[1] < optimum[2] < 0.95
    assert kurtosis[0] < 3 < 10 < kurtosis[1]
    for name in ("trained − untrained", "weight-decay − untrained", "weight-decay − trained"):
        more = contrast(study, "prune-optimum", name)
        assert more.p == 1 / 128
        assert more.p_adjusted is not None
        assert more.p_adjusted < 0.05
    assert study.found.headline[0].startswith("untrained: 7")


def test_load_lowers_barriers_and_temperature_lowers_sharpness(server: Server, client: Client) -> None:
    study = answered(server, client, "population")
    along = {(e.measure, e.contrast): e.effect or 0.0 for e in study.found.effects if e.suite == "settings"}
    cka = next(measure for measure, _ in along if measure.startswith("linear-cka"))
    assert along["loss-barrier", "along width"] < -0.5
    assert along[cka, "along width"] > 0.5
    # Larger batches are less noise.
    assert along["hessian-trace", "along batch"] > 0.5
    assert along["train-loss", "along batch"] > 0.5
    assert len(study.found.grids) == 6
    assert all(len(grid.rows) * len(grid.columns) == 12 for grid in study.found.grids)


def test_recipes_are_compared_seed_by_seed(server: Server, client: Client) -> None:
    """Sharper and yet better calibrated; and what sharpness goes with turns around at equal train loss."""
    study = answered(server, client, "sharp-minima")
    flatter = contrast(study, "hessian-trace", "sam − base")
    assert flatter.effect is not None
    assert flatter.effect < 0
    assert flatter.p_adjusted is not None
    assert flatter.p_adjusted < 0.05
    for slug in ("ece-debiased", "nll", "accuracy"):
        better = contrast(study, slug, "augmentation − base")
        assert better.p == 1 / 256, slug
        assert better.p_adjusted is not None
        assert better.p_adjusted < 0.05, slug
    for slug in ("hessian-trace", "hessian-top-eigenvalue", "fisher-rao-norm"):
        sharper = contrast(study, slug, "augmentation − base")
        assert sharper.p_opposite_adjusted is not None
        assert sharper.p_opposite_adjusted < 0.05, slug
    told = " ".join(study.found.headline)
    assert "sharper and better in most measures" in told
    assert "at equal train loss" in told
    with_loss = {e.contrast: e.effect or 0.0 for e in study.found.effects if "Hessian trace and Negative" in e.title}
    assert with_loss["raw"] < 0 < with_loss["controlling for train loss"]
