"""Measures of one layer and of pairs of weights against closed forms, numpy and scipy."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist

from kinscape import build, measure
from kinscape.backend.contracts.problems import Unprocessable
from tests.worker.measures.test_representational import BASE, LABELS, N, X

RNG = np.random.default_rng(11)


def one(slug: str, x: np.ndarray = X, **beside: object) -> float:
    return measure(slug)(x, LABELS, **beside).value


def test_ranks_of_a_layer_are_those_of_its_singular_values() -> None:
    s = np.linalg.svd(X, compute_uv=False)
    assert one("rankme") == pytest.approx(np.exp(stats.entropy(s / s.sum())))
    variances = np.linalg.eigvalsh(np.cov(X.T))
    assert one("participation-ratio") == pytest.approx(variances.sum() ** 2 / (variances**2).sum())
    assert one("stable-rank-features") == pytest.approx(variances.sum() / variances.max())
    assert one("participation-ratio", np.linalg.qr(RNG.normal(size=(N, 5)))[0]) == pytest.approx(5, rel=0.05)


def test_intrinsic_dimension_is_that_of_the_surface() -> None:
    rng = np.random.default_rng(0)
    flat = rng.uniform(size=(2000, 2)) @ rng.normal(size=(2, 10))
    assert measure("intrinsic-dimension-twonn")(flat, intervals=False).value == pytest.approx(2, abs=0.2)


def test_neural_collapse_is_its_definition() -> None:
    means = np.array([X[c == LABELS].mean(0) for c in range(3)])
    spread = np.array([((X[c == LABELS] - means[c]) ** 2).sum(1).mean() for c in range(3)])
    pairs = list(combinations(range(3), 2))
    expected = np.mean([(spread[c] + spread[d]) / (2 * ((means[c] - means[d]) ** 2).sum()) for c, d in pairs])
    assert one("nc1-cdnv") == pytest.approx(expected)
    centre = means - means.mean(0)
    within = sum((X[i] - means[c])[:, None] * (X[i] - means[c])[None] for i, c in enumerate(LABELS)) / N
    between = centre.T @ centre / 3
    assert one("nc1-classic") == pytest.approx(np.trace(within @ np.linalg.pinv(between, rcond=1e-9)) / 3)
    lengths = np.linalg.norm(centre, axis=1)
    assert one("nc2-equinorm") == pytest.approx(lengths.std() / lengths.mean())
    cosine = centre @ centre.T / np.outer(lengths, lengths)
    expected = np.mean([abs(cosine[c, d] + 0.5) for c, d in pairs])
    assert one("nc2-etf") == pytest.approx(expected)
    w = RNG.normal(size=(3, 7))
    gap = w / np.linalg.norm(w) - centre / np.linalg.norm(centre)
    assert one("nc3-duality", head=w) == pytest.approx((gap**2).sum())
    z = RNG.normal(size=(N, 3))
    assert one("nc4-agreement", logits=z) == pytest.approx((cdist(X, means).argmin(1) == z.argmax(1)).mean())


def test_a_simplex_of_points_has_collapsed() -> None:
    corners = np.eye(3) - 1 / 3
    x = corners[LABELS] * 5 + 2
    for slug, at in (("nc1-cdnv", 0), ("nc1-classic", 0), ("nc2-equinorm", 0), ("nc2-etf", 0), ("label-alignment", 1)):
        assert one(slug, x) == pytest.approx(at, abs=1e-9)
    assert one("nc3-duality", x, head=corners) == pytest.approx(0, abs=1e-9)


def test_alignments_are_unbiased_cka_with_inputs_and_labels() -> None:
    raw = RNG.normal(size=(N, 2, 3)) + BASE[:, :1, None]
    expected = measure("linear-cka")(X, raw.reshape(N, 6)).value
    assert one("input-alignment", inputs=raw) == pytest.approx(expected)
    assert one("label-alignment") == pytest.approx(measure("linear-cka")(X, np.eye(3)[LABELS]).value)
    for slug, sentence in (
        ("input-alignment", "inputs="),
        ("nc3-duality", "last linear"),
        ("nc4-agreement", "logits="),
    ):
        with pytest.raises(Unprocessable, match=sentence):
            one(slug)


def states() -> tuple[dict, dict]:
    torch.manual_seed(0)
    return build("mlp", inputs=6, classes=3, width=8).state_dict(), build(
        "mlp", inputs=6, classes=3, width=8
    ).state_dict()


def test_weights_are_compared_tensor_by_tensor() -> None:
    a, b = states()
    flat = [torch.cat([s[n].flatten() for n in sorted(s)]) for s in (a, b)]
    assert measure("weight-l2")(a, b).value == pytest.approx(float((flat[0] - flat[1]).norm()), rel=1e-5)
    only = [torch.cat([s[n].flatten() for n in sorted(s) if s[n].ndim > 1]) for s in (a, b)]
    expected = float(torch.nn.functional.cosine_similarity(*only, dim=0))
    assert measure("weight-cosine")(a, b, tensors="matrices").value == pytest.approx(expected, abs=1e-6)
    arrays = {n: t.numpy() for n, t in a.items()}
    assert measure("weight-l2")(arrays, b).value == pytest.approx(float((flat[0] - flat[1]).norm()), rel=1e-5)


def test_masks_overlap_with_their_chance_beside() -> None:
    a, b = states()
    a, b = ({n: t * (torch.rand_like(t) > 0.5) if t.ndim > 1 else t for n, t in s.items()} for s in (a, b))
    kept = [torch.cat([s[n].flatten() != 0 for n in sorted(s) if s[n].ndim > 1]) for s in (a, b)]
    found = measure("mask-iou")(a, b)
    assert found.value == pytest.approx(float((kept[0] & kept[1]).sum() / (kept[0] | kept[1]).sum()))
    p, q = (float(k.double().mean()) for k in kept)
    assert found.notes["chance"] == pytest.approx(p * q / (p + q - p * q))


def test_a_direction_that_tuning_added_is_an_intruder() -> None:
    rng = np.random.default_rng(0)
    u = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    base = u[:, :4] @ np.diag([9.0, 8, 7, 6]) @ np.linalg.qr(rng.normal(size=(10, 4)))[0].T
    tuned = base + 20 * np.outer(u[:, 5], rng.normal(size=10))
    found = measure("intruder-dimensions")({"w": base}, {"w": tuned}, k=3)
    assert found.value == 1
    assert measure("intruder-dimensions")({"w": base}, {"w": base}, k=3).value == 0


@pytest.mark.parametrize(
    ("slug", "beside", "sentence"),
    [
        ("nc4-agreement", {"logits": np.full((N, 3), np.nan)}, "NaN or infinite"),
        ("input-alignment", {"inputs": np.zeros(N)}, "two dimensions"),
        ("input-alignment", {"inputs": np.zeros((5, 2))}, "rows of inputs"),
        ("nc3-duality", {"nonsense": 1}, "no parameter"),
    ],
)
def test_what_stands_beside_a_layer_is_checked(slug: str, beside: dict, sentence: str) -> None:
    with pytest.raises(Unprocessable, match=sentence):
        one(slug, **beside)
