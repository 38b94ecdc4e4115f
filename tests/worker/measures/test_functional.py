"""Measures of answers against closed forms, scipy, scikit-learn and slow counting."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import cohen_kappa_score, log_loss

from kinscape import matrices, measure
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.evaluation import sample_means
from kinscape.worker.inputs.outputs import Outputs
from kinscape.worker.measures.catalogue import catalogue

N, C = 90, 5
LABELS = np.random.default_rng(5).integers(0, C, N)


def logits(seed: int) -> np.ndarray:
    z = np.random.default_rng(seed).normal(size=(N, C)) * 2
    z[np.arange(N), LABELS] += 1
    return z


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


A, B = logits(1), logits(2)
P, Q = softmax(A), softmax(B)
DIFFERENT = (A.argmax(1) != B.argmax(1)).mean()
WRONG_A, WRONG_B = ((z.argmax(1) != LABELS).mean() for z in (A, B))


def test_kappa_of_the_classes_is_scikit_learns() -> None:
    expected = cohen_kappa_score(A.argmax(1), B.argmax(1))
    assert measure("prediction-kappa")(A, B).value == pytest.approx(expected)


def test_normalised_disagreements_divide_by_errors() -> None:
    found = measure("disagreement-normalised")(A, B, labels=LABELS)
    assert found.value == pytest.approx(DIFFERENT / WRONG_A)
    least, most = abs(WRONG_A - WRONG_B), min(WRONG_A + WRONG_B, 1)
    expected = (DIFFERENT - least) / (most - least)
    assert measure("disagreement-minmax")(A, B, labels=LABELS).value == pytest.approx(expected)


def test_capa_adjusts_for_the_mean_probability_of_the_label() -> None:
    observed = (P * Q).sum(1).mean()
    p, q = (x[np.arange(N), LABELS].mean() for x in (P, Q))
    expected = p * q + (1 - p) * (1 - q) / (C - 1)
    found = measure("capa")(A, B, labels=LABELS)
    assert found.value == pytest.approx((observed - expected) / (1 - expected))
    own = measure("capa")(A, A, labels=LABELS).value
    assert own < 0.9, "soft answers do not agree with themselves fully"
    matrix = measure("capa").matrix([A, B], labels=LABELS)
    assert matrix.values[0, 0] == pytest.approx(own)


def test_capa_and_kappa_are_zero_for_independent_answers() -> None:
    rng = np.random.default_rng(0)
    values = []
    for _ in range(40):
        y = rng.integers(0, C, 200)
        a, b = (rng.normal(size=(200, C)) + 1.5 * np.eye(C)[y] for _ in range(2))
        values.append([measure(s)(a, b, labels=y, intervals=False).value for s in ("capa", "error-consistency")])
    mean, error = np.mean(values, 0), np.std(values, 0) / 40**0.5
    assert (np.abs(mean) < 4 * error + 0.01).all()


def test_distances_of_probabilities_are_their_definitions() -> None:
    half = np.abs(P - Q).sum(1).mean() / 2
    assert measure("total-variation")(A, B).value == pytest.approx(half)
    expected = np.sqrt(1 - np.sqrt(P * Q).sum(1)).mean()
    assert measure("hellinger")(A, B).value == pytest.approx(expected)
    assert measure("confidence-difference")(A, B).value == pytest.approx(np.abs(P.max(1) - Q.max(1)).mean())
    assert measure("kl-divergence")(A, B).value == pytest.approx(stats.entropy(P, Q, axis=1).mean())
    m = (P + Q) / 2
    js = stats.entropy(m, axis=1) - (stats.entropy(P, axis=1) + stats.entropy(Q, axis=1)) / 2
    assert measure("js-distance")(A, B).value == pytest.approx(np.sqrt(js).mean())


def test_an_answer_that_the_second_model_rules_out_has_no_divergence_but_a_reason() -> None:
    p, q = np.array([[0.5, 0.5, 0.0]] * 9), np.array([[1.0, 0.0, 0.0]] * 9)
    with pytest.raises(Unprocessable, match="probability zero"):
        measure("kl-divergence")(p, q, outputs="probabilities")
    found = measure("kl-divergence")(q, p, outputs="probabilities")
    assert found.value == pytest.approx(np.log(2))


def test_the_legacy_divergence_shrinks_about_forty_times() -> None:
    rng = np.random.default_rng(0)
    a, b = (6 * rng.normal(size=(500, 10)) for _ in range(2))
    ratio = measure("js-divergence")(a, b).value / measure("js-divergence-legacy-resoftmax")(a, b).value
    assert 20 < ratio < 80


@pytest.mark.parametrize("classes", [2, 10, 300])
@pytest.mark.parametrize("scale", [100.0, 3.0, 1e-4])
def test_legacy_divergences_of_many_pairs_are_those_of_the_definition(
    classes: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(150, classes)) * 3
    models = [base + scale * rng.normal(size=base.shape) for _ in range(3)]
    # With more digits where the machine has them: it is a difference of two entropies.
    p, _, q = (softmax(softmax(z.astype(np.longdouble))) for z in models)
    middle = (p + q) / 2
    expected = float((p * np.log(p / middle) + q * np.log(q / middle)).sum(1).mean() / 2)
    slug = "js-divergence-legacy-resoftmax"
    found = measure(slug).matrix([*models, models[2]], intervals=False).values
    assert found[0, 2] == pytest.approx(expected, rel=0, abs=1e-15)
    assert found[2, 3] < 1e-15
    one = catalogue()[slug]
    apart = one.compute(*(one.prepare(Outputs(torch.from_numpy(models[k]))) for k in (0, 2)))
    assert float(apart) == pytest.approx(expected, rel=1e-7, abs=0)
    monkeypatch.setattr(sample_means, "CACHED_BYTES", 1 << 16)
    assert measure(slug).matrix(models, intervals=False).values == pytest.approx(found[:3, :3], abs=1e-15)


def test_measures_of_logits_are_their_definitions() -> None:
    a, b = (z - z.mean(1, keepdims=True) for z in (A, B))
    assert measure("logit-mse")(A, B).value == pytest.approx(((a - b) ** 2).mean())
    expected = np.mean([np.corrcoef(x, y)[0, 1] for x, y in zip(A, B, strict=True)])
    assert measure("logit-correlation")(A, B).value == pytest.approx(expected)


def test_orders_of_classes_are_counted() -> None:
    orders = [np.argsort(-z, axis=1, kind="stable") for z in (A, B)]
    assert measure("rank-disagreement")(A, B).value == pytest.approx((orders[0] != orders[1]).mean())
    first = (orders[0][:, :2] != orders[1][:, :2]).mean()
    assert measure("rank-disagreement")(A, B, k=2).value == pytest.approx(first)
    shared = [len(set(x[:2]) & set(y[:2])) / 2 for x, y in zip(*orders, strict=True)]
    assert measure("top-k-overlap")(A, B, k=2).value == pytest.approx(np.mean(shared))
    tau = np.mean([stats.kendalltau(x, y).statistic for x, y in zip(A, B, strict=True)])
    assert measure("class-order-kendall")(A, B).value == pytest.approx(tau)


@pytest.mark.parametrize("classes", [1, 2, 5, 32, 33, 300])
def test_tied_classes_take_places_by_number(classes: int) -> None:
    z = torch.from_numpy(np.random.default_rng(classes).integers(0, 4, (200, classes))).double()
    order = np.argsort(-z.numpy(), axis=1, kind="stable")
    assert np.array_equal(Outputs(z).order.numpy(), order)
    assert np.array_equal(Outputs(z).places.numpy(), order.argsort(axis=1))


def test_ties_of_classes_count_as_kendalls_tau_b() -> None:
    a, b = np.round(A), np.round(B)
    tau = np.mean([stats.kendalltau(x, y).statistic for x, y in zip(a, b, strict=True)])
    assert measure("class-order-kendall")(a, b).value == pytest.approx(tau)


def test_surrogate_churn_becomes_the_disagreement() -> None:
    expected = np.abs(P / P.max(1, keepdims=True) - Q / Q.max(1, keepdims=True)).sum(1).mean() / 2
    assert measure("surrogate-churn")(A, B).value == pytest.approx(expected)
    assert measure("surrogate-churn")(A, B, alpha=1000.0).value == pytest.approx(DIFFERENT, abs=1e-2)


def test_gaps_are_differences_and_their_intervals_are_paired() -> None:
    gap = measure("accuracy-gap")(A, B, labels=LABELS)
    assert gap.value == pytest.approx(WRONG_B - WRONG_A)
    loss = [log_loss(LABELS, p, labels=range(C)) for p in (P, Q)]
    assert measure("loss-gap")(A, B, labels=LABELS).value == pytest.approx(loss[0] - loss[1])
    own = [measure("ece")(z, LABELS).value for z in (A, B)]
    assert measure("ece-gap")(A, B, labels=LABELS).value == pytest.approx(own[0] - own[1])
    near = A + 0.01 * B
    paired = measure("loss-gap")(A, near, labels=LABELS)
    alone = measure("nll")(A, LABELS)
    assert paired.high - paired.low < (alone.high - alone.low) / 10


def test_matrices_share_a_pass_and_agree_with_one_measure_alone() -> None:
    slugs = ["js-divergence", "js-distance", "disagreement", "capa", "kl-divergence"]
    both = matrices(slugs, [A, B, logits(3)], labels=LABELS)
    for slug in slugs:
        alone = measure(slug).matrix([A, B, logits(3)], labels=LABELS)
        for part in ("values", "low", "high"):
            assert np.allclose(getattr(both[slug], part), getattr(alone, part), atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        ((P, Q), {}, "look like probabilities"),
        ((A, B), {"outputs": "probabilities"}, "sum to 1"),
        ((A, B[:, :4]), {}, "same classes"),
        ((A, B[:50]), {}, "same samples"),
        ((A[:0], B[:0]), {}, "at least one sample"),
        ((A, B), {"labels": LABELS[:5]}, "labels for"),
        ((A, B), {"labels": LABELS + 1}, "between 0 and"),
        ((A, B), {"labels": LABELS + 0.5}, "whole numbers"),
    ],
)
def test_outputs_that_do_not_fit_are_a_sentence(data: tuple, options: dict, sentence: str) -> None:
    with pytest.raises(Unprocessable, match=sentence):
        measure("total-variation")(*data, **options)


def test_probabilities_may_be_called_logits_when_somebody_says_so() -> None:
    assert measure("disagreement")(P, Q, outputs="logits").value == pytest.approx(DIFFERENT)
