"""Every promise of every card, run. A claim forgotten fails like a claim false."""

import math
from collections.abc import Callable, Set
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kinscape import build
from kinscape.backend.contracts.cards import Arity, Card, Change, Input, Role, Uncertainty
from kinscape.backend.statistics.jackknife import standard_error
from kinscape.library import BoundMeasure
from kinscape.worker.evaluation.batch import Batch
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.evaluation.measure import Measure
from kinscape.worker.evaluation.measure import measure as declare
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.evaluation.networks import evaluate_network
from kinscape.worker.evaluation.pair_by_pair import PairByPair
from kinscape.worker.evaluation.results import results_of
from kinscape.worker.inputs.layer import Layer
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.measures.catalogue import catalogue

SAMPLES, CLASSES, WIDTH = 80, 6, 9
ALL = list(catalogue().values())
PAIRS = [m for m in ALL if m.card.arity is Arity.PAIR and m.card.input is not Input.NETWORK]
NETWORKS = [m for m in ALL if m.card.input is Input.NETWORK]
FEATURE_CHANGES: dict[Change, Callable[[Tensor], Tensor]] = {
    Change.PERMUTE_FEATURES: lambda x: x[:, torch.randperm(WIDTH, generator=seeded(3))],
    Change.ROTATE_FEATURES: lambda x: x @ torch.linalg.qr(draws(WIDTH, WIDTH, seed=4))[0],
    Change.SCALE_FEATURES: lambda x: 2.5 * x,
    Change.SCALE_EACH_FEATURE: lambda x: x * draws(1, WIDTH, seed=6).exp(),
    Change.SHIFT_FEATURES: lambda x: x + 2 * draws(1, WIDTH, seed=6),
}
LOGIT_CHANGES: dict[Change, Callable[[Tensor], Tensor]] = {
    Change.SHIFT_LOGITS: lambda z: z + draws(SAMPLES, 1, seed=7),
    Change.SCALE_LOGITS: lambda z: 1.7 * z,
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def features(seed: int) -> Tensor:
    base = draws(SAMPLES, WIDTH, seed=99)
    # Directions of unequal variance, mixed differently in every model.
    unequal = (base + draws(SAMPLES, WIDTH, seed=seed)) * torch.logspace(0, -1.5, WIDTH, dtype=torch.float64)
    return unequal @ (torch.eye(WIDTH, dtype=torch.float64) + 0.3 * draws(WIDTH, WIDTH, seed=seed + 500)) + 0.7


def outputs(seed: int) -> Outputs:
    labels = torch.randint(0, CLASSES, (SAMPLES,), generator=seeded(50))
    logits = draws(SAMPLES, CLASSES, seed=seed)
    logits[torch.arange(SAMPLES), labels] += 1.5
    return Outputs(logits, labels)


def state(seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {n: t * (torch.rand_like(t) > 0.3) for n, t in build("lenet", classes=CLASSES).state_dict().items()}


def layer(seed: int) -> Layer:
    x, answers = features(seed), outputs(seed)
    return Layer(x, answers.labels, draws(SAMPLES, 12, seed=seed + 60), answers.logits, draws(CLASSES, WIDTH, seed=61))


def example(measure: Measure, seed: int) -> Any:
    if measure.card.references[0]:
        return replace(outputs(seed), references=tuple(outputs(90 + k) for k in range(3)))
    if measure.card.input is Input.FEATURES:
        return layer(seed) if measure.card.arity is Arity.MODEL else features(seed)
    return outputs(seed) if measure.card.input is Input.OUTPUTS else state(seed)


def value(measure: Measure, a: Any, b: Any | None = None) -> float:
    settings = measure.card.settings({})
    if measure.card.role is Role.BOTH:
        return float(measure.compute(*(measure.prepare(part, **settings) for part in halves(a)), **settings))
    first = measure.prepare(a, **settings)
    if b is None:
        found = measure.compute(first, **settings)
        return found.value if isinstance(found, Measurement) else float(found)
    found = measure.compute(first, measure.prepare(b, **settings), **settings)
    return found.value if isinstance(found, Measurement) else float(found)


def halves(answers: Outputs) -> list[Outputs]:
    """Train and held-out samples of a measure that reads both."""
    return [answers.rows(torch.arange(SAMPLES // 2)), answers.rows(torch.arange(SAMPLES // 2, SAMPLES))]


def changed(measure: Measure, data: Any, change: Change) -> Any:
    if isinstance(data, Layer):
        return replace(data, features=FEATURE_CHANGES[change](data.features))
    if measure.card.input is Input.FEATURES:
        return FEATURE_CHANGES[change](data)
    if measure.card.input is Input.OUTPUTS:
        return replace(data, logits=LOGIT_CHANGES[change](data.logits))
    return {n: 3.0 * t if t.is_floating_point() else t for n, t in data.items()}


def applicable(measure: Measure) -> set[Change]:
    kinds: dict[Input, set[Change]] = {
        Input.FEATURES: set(FEATURE_CHANGES),
        Input.OUTPUTS: set(LOGIT_CHANGES),
        Input.WEIGHTS: {Change.SCALE_WEIGHTS},
        Input.NETWORK: {Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
    }
    return kinds[measure.card.input]


def name(measure: Measure) -> str:
    return measure.card.slug


def assert_claimed(measure: Measure, ignored: Set[Change], claimed: Set[Change]) -> None:
    """What leaves the value unchanged is what the card says, no more and no less."""
    slug = measure.card.slug
    wrong = [f"{slug} says that this leaves it unchanged, and it changes: {c}." for c in sorted(claimed - ignored)]
    wrong += [
        f"{slug} does not say that this leaves it unchanged, and it does: {c}." for c in sorted(ignored - claimed)
    ]
    assert not wrong, " ".join(wrong)


@pytest.mark.parametrize("measure", PAIRS, ids=name)
def test_a_model_with_itself_scores_the_value_of_identity(measure: Measure) -> None:
    if measure.card.identical is None:
        own = {value(measure, example(measure, i), example(measure, i)) for i in (1, 2)}
        assert len(own) == 2, "a measure without a value of identity scores models with themselves differently"
        return
    found = value(measure, example(measure, 1), example(measure, 1))
    assert found == pytest.approx(measure.card.identical, abs=1e-9), "a model with itself scores what is not claimed"


@pytest.mark.parametrize("measure", PAIRS, ids=name)
@pytest.mark.parametrize("seed", range(5))
def test_values_lie_within_the_bounds(measure: Measure, seed: int) -> None:
    found = value(measure, example(measure, seed), example(measure, seed + 20))
    low, high = measure.card.low, measure.card.high
    assert low is None or found >= low, f"{measure.card.slug} claims at least {low}, and scores less here"
    assert high is None or found <= high, f"{measure.card.slug} claims at most {high}, and scores more here"


@pytest.mark.parametrize("measure", PAIRS, ids=name)
def test_symmetry_is_as_claimed(measure: Measure) -> None:
    a, b = example(measure, 1), example(measure, 2)
    same = math.isclose(value(measure, a, b), value(measure, b, a), rel_tol=1e-9, abs_tol=1e-12)
    assert same is measure.card.symmetric, f"{measure.card.slug} claims symmetric={measure.card.symmetric}"


@pytest.mark.parametrize("measure", [m for m in ALL if m.card.input is not Input.NETWORK], ids=name)
def test_ignored_changes_are_exactly_those_claimed(measure: Measure) -> None:
    a = example(measure, 1)
    b = example(measure, 2) if measure.card.arity is Arity.PAIR else None
    before = value(measure, a, b)
    ignored = {
        change
        for change in applicable(measure)
        if math.isclose(before, value(measure, changed(measure, a, change), b), rel_tol=1e-7, abs_tol=1e-9)
    }
    assert_claimed(measure, ignored, measure.card.ignores)


@pytest.mark.parametrize("measure", [m for m in PAIRS if not m.card.symmetric], ids=name)
def test_ignored_changes_of_the_second_side_are_exactly_those_claimed(measure: Measure) -> None:
    a, b = example(measure, 1), example(measure, 2)
    before = value(measure, a, b)
    ignored = {
        change
        for change in applicable(measure)
        if math.isclose(before, value(measure, a, changed(measure, b, change)), rel_tol=1e-7, abs_tol=1e-9)
    }
    claimed = measure.card.ignores_of_second
    assert_claimed(measure, ignored, measure.card.ignores if claimed is None else claimed)


@pytest.mark.parametrize("measure", [m for m in PAIRS if m.card.input is not Input.WEIGHTS], ids=name)
def test_the_order_of_samples_does_not_matter(measure: Measure) -> None:
    rows = torch.randperm(SAMPLES, generator=seeded(8))
    a, b = example(measure, 1), example(measure, 2)
    pick = (lambda d: d.rows(rows)) if isinstance(a, Outputs) else (lambda d: d[rows])
    assert value(measure, pick(a), pick(b)) == pytest.approx(value(measure, a, b), abs=1e-9)


def plain(measure: Measure) -> Measure:
    """The same measure without its fast paths: pair by pair, everything again for each group left out."""
    return replace(measure, all_pairs=PairByPair())


@pytest.mark.parametrize("measure", [m for m in PAIRS if m.card.input is not Input.WEIGHTS], ids=name)
def test_the_fast_path_is_pair_by_pair_and_its_replicates_leave_out_one_group_each(measure: Measure) -> None:
    settings = measure.card.settings({})
    data = {i: example(measure, i) for i in range(4)}
    pairs = [(i, j) for i in range(4) for j in range(4) if i < j or not measure.card.symmetric]
    groups = row_groups(SAMPLES)
    fast = results_of(measure, Batch(data, None, pairs, groups), settings)
    slow = results_of(plain(measure), Batch(data, None, pairs, groups), settings)
    assert not slow.reasons
    assert torch.allclose(fast.values, slow.values, rtol=0, atol=1e-9)
    bare = results_of(measure, Batch(data, None, pairs), settings)
    assert torch.allclose(bare.values, slow.values, rtol=0, atol=1e-9)
    assert fast.replicates is not None
    assert slow.replicates is not None
    if measure.card.uncertainty is Uncertainty.FIRST_ORDER:
        errors, expected = standard_error(fast.replicates.numpy()), standard_error(slow.replicates.numpy())
        assert errors == pytest.approx(expected, rel=0.2)
    else:
        assert torch.allclose(fast.replicates, slow.replicates, rtol=0, atol=1e-9)


@pytest.mark.parametrize("measure", [m for m in PAIRS if m.card.input is Input.FEATURES], ids=name)
def test_features_of_different_widths_meet_or_say_why_not(measure: Measure) -> None:
    data = {0: features(1), 1: features(2), 2: features(3)[:, :5]}
    pairs = [(0, 1), (0, 2), (2, 1)]
    found = results_of(measure, Batch(data, None, pairs, row_groups(SAMPLES)), measure.card.settings({}))
    for k, (a, b) in enumerate(pairs):
        alone = results_of(plain(measure), Batch({a: data[a]}, {b: data[b]}, [(a, b)]), measure.card.settings({}))
        assert (k in found.reasons) == bool(alone.reasons)
        if not alone.reasons:
            assert float(found.values[k]) == pytest.approx(float(alone.values), abs=1e-9)


@pytest.mark.parametrize("measure", [m for m in PAIRS if m.card.input is Input.FEATURES], ids=name)
def test_float32_features_give_the_float64_value(measure: Measure) -> None:
    a, b = (features(i) * 0.1 + 10 for i in (1, 2))
    exact = value(measure, a.float().double(), b.float().double())
    assert value(measure, a.float(), b.float()) == pytest.approx(exact, abs=measure.card.tolerance)


@pytest.mark.parametrize("measure", [m for m in ALL if m.card.input in (Input.FEATURES, Input.OUTPUTS)], ids=name)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(measure: Measure, bad: float) -> None:
    bound = BoundMeasure(measure)
    data = (features(1) if measure.card.input is Input.FEATURES else outputs(1).logits).clone()
    data[3, 2] = bad
    more = [] if measure.card.arity is Arity.MODEL else [data.clone().nan_to_num(0, 1, -1)]
    labels = outputs(1).labels
    references = [outputs(91).logits] * measure.card.references[0]
    if measure.card.role is Role.BOTH:
        more, references, labels = [labels, outputs(2).logits, labels], [], None
    with pytest.raises(Exception, match=r"1 of .* values are NaN or infinite"):
        bound(data, *more, labels=labels, references=references)


@pytest.mark.parametrize("measure", [m for m in PAIRS if m.card.input is not Input.WEIGHTS], ids=name)
def test_an_interval_holds_its_value_and_names_its_kind(measure: Measure) -> None:
    bound = BoundMeasure(measure)
    raw = [example(measure, i) for i in (1, 2)]
    labels = raw[0].labels if isinstance(raw[0], Outputs) else None
    data = [r.logits if isinstance(r, Outputs) else r for r in raw]
    found = bound(*data, labels=labels, references=[outputs(91).logits] * measure.card.references[0])
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert found.interval == "sampling"
    assert len(found.replicates) == 20
    assert found.n == SAMPLES


def mlp(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    module = build("mlp", inputs=6, classes=4, width=7, depth=2).double().eval()
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(3)  # far enough from linear that there is a hill between two of them
    return module


def subject(module: nn.Module, *, groups: bool = True) -> Subject:
    x = draws(60, 1, 2, 3, seed=70)
    # The first network's own answers: it sits low, so the line to its permuted twin climbs.
    y = mlp(1)(x).argmax(1)
    # A few other answers, so that the loss has a slope.
    y[::7] = (y[::7] + 1) % 4
    return Subject(module, x, y, groups=row_groups(60) if groups else (), seed=0, fresh=mlp)


def needed(measure: Measure) -> list[nn.Module]:
    """Networks to name beside those that are compared."""
    return [mlp(90 + k) for k in range(measure.card.references[0])]


def permuted(module: nn.Module) -> nn.Module:
    twin = mlp(0)
    twin.load_state_dict(module.state_dict())
    order = torch.randperm(7, generator=seeded(72))
    with torch.no_grad():
        twin.get_parameter("features.1.weight").copy_(module.get_parameter("features.1.weight")[order])
        twin.get_parameter("features.1.bias").copy_(module.get_parameter("features.1.bias")[order])
        twin.get_parameter("features.3.weight").copy_(module.get_parameter("features.3.weight")[:, order])
    return twin


def rescaled(module: nn.Module) -> nn.Module:
    twin = mlp(0)
    twin.load_state_dict(module.state_dict())
    with torch.no_grad():
        for layer in ("features.1.weight", "features.1.bias"):
            twin.get_parameter(layer).mul_(3.0)
        twin.get_parameter("features.3.weight").div_(3.0)
        for layer in ("features.3.weight", "features.3.bias"):
            twin.get_parameter(layer).mul_(2.0)
        twin.get_parameter("classifier.weight").div_(2.0)
    return twin


def reading(measure: Measure, *modules: nn.Module) -> float:
    references = tuple(subject(m) for m in needed(measure))
    subjects = [replace(subject(m), references=references) for m in modules]
    # With more steps a trained curve finds its way around any hill of so small a network.
    settings = measure.card.settings({"steps": 1} if measure.card.slug == "bezier-barrier" else {})
    cell = evaluate_network(measure, subjects, settings)
    assert cell.kind == "estimate", cell
    return cell.value


@pytest.mark.parametrize("measure", NETWORKS, ids=name)
def test_what_twins_of_the_same_function_leave_unchanged_is_exactly_what_is_claimed(measure: Measure) -> None:
    module = mlp(1)
    twins = {Change.PERMUTE_UNITS: permuted(module), Change.RESCALE_LAYERS: rescaled(module)}
    for twin in twins.values():
        assert torch.allclose(twin(draws(5, 6, seed=3)), module(draws(5, 6, seed=3)), atol=1e-12)
    # The way from a network to its own twin climbs, where many others lead down or straight.
    other = permuted(module) if measure.card.slug.endswith("-barrier") else mlp(2)
    rest = [other] if measure.card.arity is Arity.PAIR else []
    before = reading(measure, module, *rest)
    tolerance = 1e-2 if "eigenvalue" in measure.card.slug else 1e-9
    ignored = {c for c, t in twins.items() if math.isclose(before, reading(measure, t, *rest), rel_tol=tolerance)}
    assert_claimed(measure, ignored, measure.card.ignores)


@pytest.mark.parametrize("measure", NETWORKS, ids=name)
def test_a_network_is_untouched_afterwards(measure: Measure) -> None:
    modules = [mlp(1)] + ([mlp(2)] if measure.card.arity is Arity.PAIR else [])
    modules[0].train()
    before = [{n: t.clone() for n, t in m.state_dict().items()} for m in modules]
    given = subject(modules[0])
    BoundMeasure(measure)(*modules, given.x, given.y, references=needed(measure))
    for module, old in zip(modules, before, strict=True):
        assert all(torch.equal(t, old[n]) for n, t in module.state_dict().items())
        assert not any(m._forward_hooks for m in module.modules())
        assert all(p.requires_grad and p.grad is None for p in module.parameters())
    assert modules[0].training


@pytest.mark.parametrize("measure", ALL, ids=name)
def test_a_card_is_complete(measure: Measure) -> None:
    card = measure.card
    assert card.summary.endswith("."), "the first docstring line is a sentence"
    assert card.summary.count(".") <= 2
    assert card.identical is None or card.arity is Arity.PAIR
    assert card.uncertainty is Uncertainty.EXACT or len(card.reliable_from) > 8
    for parameter in card.parameters:
        assert parameter.help.endswith(".")
        assert card.settings({})[parameter.name] == parameter.default


@pytest.mark.parametrize("missing", ["source", "pitfalls", "reliable_from", "summary"])
def test_a_measure_without_what_makes_it_trusted_is_refused(missing: str) -> None:
    card = catalogue()["disagreement"].card
    told = {what: "  " if what == missing else "told" for what in ("source", "pitfalls", "reliable_from")}

    def gap(a: Tensor, b: Tensor) -> Tensor:
        return a - b

    gap.__doc__ = None if missing == "summary" else "A gap."
    with pytest.raises(ValueError, match=f"'new' comes without {missing}"):
        declare(Card.model_validate({**card.model_dump(), "slug": "new", "summary": "", **told}))(gap)
