"""Measures of layers and weights against closed forms, scipy, scikit-learn and slow references."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import NearestNeighbors

from kinscape import measure
from kinscape.backend.contracts.problems import Unprocessable
from tests.worker.measures.test_known_values import hsic_u

RNG = np.random.default_rng(3)
N = 60
BASE = RNG.normal(size=(N, 6))
X = BASE @ RNG.normal(size=(6, 7)) + 0.4 * RNG.normal(size=(N, 7)) + 1
Y = BASE @ RNG.normal(size=(6, 9)) + 0.4 * RNG.normal(size=(N, 9)) - 2
A, B = X - X.mean(0), Y - Y.mean(0)
LABELS = RNG.integers(0, 3, N)


def value(slug: str, x: np.ndarray = X, y: np.ndarray = Y, **settings: object) -> float:
    return measure(slug)(x, y, **settings).value


def centred(gram: np.ndarray) -> np.ndarray:
    h = np.eye(len(gram)) - 1 / len(gram)
    return h @ gram @ h


def rbf(x: np.ndarray, fraction: float) -> np.ndarray:
    distances = pdist(x)
    sigma = fraction * np.median(distances)
    return np.exp(-(squareform(distances) ** 2) / (2 * sigma**2))


@pytest.mark.parametrize("fraction", [0.5, 1.0])
def test_rbf_cka_is_its_definition(fraction: float) -> None:
    k, m = rbf(X, fraction), rbf(Y, fraction)
    unbiased = hsic_u(k, m) / np.sqrt(hsic_u(k, k) * hsic_u(m, m))
    assert value("rbf-cka", fraction=fraction) == pytest.approx(unbiased, abs=1e-9)
    k, m = centred(k), centred(m)
    biased = (k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m)
    assert value("rbf-cka-biased", fraction=fraction) == pytest.approx(biased, abs=1e-9)


def test_distance_correlation_is_that_of_centred_distances() -> None:
    k, m = centred(cdist(X, X)), centred(cdist(Y, Y))
    biased = np.sqrt((k * m).sum() / np.linalg.norm(k) / np.linalg.norm(m))
    assert value("distance-correlation", estimator="biased") == pytest.approx(biased)
    k, m = cdist(X, X), cdist(Y, Y)
    unbiased = hsic_u(k, m) / np.sqrt(hsic_u(k, k) * hsic_u(m, m))
    assert value("distance-correlation") == pytest.approx(unbiased)


def test_biased_distance_correlation_of_independent_gaussians_is_near_one() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 512)), rng.normal(size=(100, 512))
    assert value("distance-correlation", x, y, estimator="biased") == pytest.approx(0.98, abs=0.01)
    assert abs(value("distance-correlation", x, y)) < 0.1


def test_canonical_correlations_are_scikit_learns() -> None:
    scores = CCA(n_components=7, scale=False, max_iter=20000, tol=1e-12).fit_transform(X, Y)
    rho = np.array([np.corrcoef(scores[0][:, k], scores[1][:, k])[0, 1] for k in range(7)])
    assert value("mean-cca") == pytest.approx(rho.mean(), abs=1e-4)
    assert value("mean-squared-cca") == pytest.approx((rho**2).mean(), abs=1e-4)


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    q, r = (np.linalg.qr(z)[0] for z in (a, b))
    return np.linalg.svd(q.T @ r, compute_uv=False)


def test_svcca_keeps_components_by_variance() -> None:
    kept = []
    for z in (A, B):
        u, s, _ = np.linalg.svd(z, full_matrices=False)
        count = int(np.argmax(np.cumsum(s**2) / (s**2).sum() >= 0.9)) + 1
        kept.append(u[:, :count])
    assert kept[0].shape[1] < 7
    assert value("svcca", variance=0.9) == pytest.approx(correlations(*kept).mean())


def test_pwcca_weighs_by_what_each_direction_accounts_for() -> None:
    q, r = (np.linalg.qr(z)[0] for z in (A, B))
    u, s, _ = np.linalg.svd(q.T @ r, full_matrices=False)
    weights = np.abs((q @ u).T @ A).sum(1)
    assert value("pwcca") == pytest.approx((weights * s).sum() / weights.sum())
    assert value("pwcca", Y, X) != pytest.approx(value("pwcca"))


def test_correlations_that_saturate_are_refused_with_a_sentence() -> None:
    wide = RNG.normal(size=(30, 20))
    for slug in ("mean-cca", "mean-squared-cca", "pwcca"):
        with pytest.raises(Unprocessable, match=r"more samples than both together|exceed the number of samples"):
            measure(slug)(wide, RNG.normal(size=(30, 12)))


def test_linear_regression_is_scikit_learns_leave_one_out() -> None:
    predicted = cross_val_predict(LinearRegression(), X, Y, cv=LeaveOneOut())
    mean = np.array([np.delete(Y, i, 0).mean(0) for i in range(N)])
    expected = 1 - ((Y - predicted) ** 2).sum() / ((Y - mean) ** 2).sum()
    assert value("linear-regression") == pytest.approx(expected)
    independent = measure("linear-regression")(RNG.normal(size=(100, 50)), RNG.normal(size=(100, 3)))
    assert independent.value < 0, "in-sample it would be one half"


def test_shapes_are_compared_after_the_best_rotation() -> None:
    a, b = A / np.linalg.norm(A), B / np.linalg.norm(B)
    nuclear = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    assert value("procrustes") == pytest.approx(2 - 2 * nuclear)
    assert value("angular-shape-distance") == pytest.approx(np.arccos(nuclear))
    u, _, vh = np.linalg.svd(X.T @ Y, full_matrices=False)
    rotated, other = X @ u, Y @ vh.T
    cosine = (rotated * other).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1)
    assert value("aligned-cosine") == pytest.approx(cosine.mean())


def test_units_are_matched_by_the_best_assignment() -> None:
    a, b = A / np.linalg.norm(A), B / np.linalg.norm(B)
    rows, columns = linear_sum_assignment(a.T @ b, maximize=True)
    assert value("permutation-procrustes") == pytest.approx(2 - 2 * (a.T @ b)[rows, columns].sum())
    r = np.corrcoef(X.T, Y.T)[:7, 7:]
    rows, columns = linear_sum_assignment(r, maximize=True)
    assert value("unit-matching") == pytest.approx(r[rows, columns].mean())
    assert value("unit-matching-semi") == pytest.approx(r.max(1).mean())


def test_soft_matching_is_the_transport_of_a_linear_program() -> None:
    cost = 2 - 2 * np.corrcoef(X.T, Y.T)[:7, 7:]
    rows = np.kron(np.eye(7), np.ones((1, 9)))
    columns = np.kron(np.ones((1, 7)), np.eye(9))
    found = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=[1 / 7] * 7 + [1 / 9] * 9)
    assert value("soft-matching") == pytest.approx(found.fun**0.5)
    permuted = X[:, RNG.permutation(7)] * 3
    assert value("soft-matching", X, permuted) == pytest.approx(0, abs=1e-7)


def test_units_that_never_change_are_left_out() -> None:
    dead = np.hstack([X, np.zeros((N, 2))])
    for slug in ("unit-matching", "unit-matching-semi", "soft-matching"):
        found = measure(slug)(dead, Y)
        assert found.value == pytest.approx(value(slug))
        assert found.notes["silent_units"] == 2
        assert "0 of 9 in one layer, 2 of 9 in the other" in found.warning
    assert measure("unit-matching")(X, Y).warning == ""
    assert "2 of 9" in measure("unit-matching").matrix([dead, Y, X]).warning


def test_over_all_units_those_that_never_change_match_nothing() -> None:
    dead, other = np.hstack([X, np.zeros((N, 3))]), np.hstack([Y, np.zeros((N, 5))])
    matched = min(X.shape[1], Y.shape[1]) * value("unit-matching")
    narrower = min(dead.shape[1], other.shape[1])
    assert measure("unit-matching")(dead, other).notes["over_all_units"] == pytest.approx(matched / narrower)
    half = X.shape[1] * value("unit-matching-semi") / dead.shape[1]
    assert measure("unit-matching-semi")(dead, other).notes["over_all_units"] == pytest.approx(half)


def test_eigenspace_overlap_counts_shared_directions() -> None:
    q, r = (np.linalg.qr(z)[0] for z in (X, Y))
    assert value("eigenspace-overlap") == pytest.approx(np.linalg.norm(q.T @ r) ** 2 / 9)


def test_rsa_knows_four_ways_to_compare() -> None:
    a, b = pdist(X, "correlation"), pdist(Y, "correlation")
    assert value("rsa", outer="kendall") == pytest.approx(stats.kendalltau(a, b).statistic)
    assert value("rsa", outer="cosine") == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    a, b = pdist(X, "cosine"), pdist(Y, "cosine")
    assert value("rsa", inner="cosine") == pytest.approx(stats.spearmanr(a, b).statistic)


def test_rsa_of_repeated_samples_shares_ranks() -> None:
    x, y = (np.vstack([z[:20], z[:10]]).round(1) for z in (X, Y))
    expected = stats.spearmanr(pdist(x, "correlation").round(12), pdist(y, "correlation").round(12)).statistic
    assert value("rsa", x, y) == pytest.approx(expected, abs=1e-9)


def clipped(x: np.ndarray, low: float, high: float) -> np.ndarray:
    d = pdist(x, "correlation")
    ordered = np.sort(d)
    bottom, top = (ordered[round(q * (len(d) - 1))] for q in (low, high))
    return np.clip((d - bottom) / (top - bottom), 0, 1)


def test_geo_topological_rsa_clips_and_geodesic_rsa_walks() -> None:
    a, b = clipped(X, 0.2, 0.8), clipped(Y, 0.2, 0.8)
    assert value("rsa-geo-topological") == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-9)
    paths = []
    for d in (clipped(X, 0.0, 0.6), clipped(Y, 0.0, 0.6)):
        graph = squareform(d)
        graph[graph >= 1] = np.inf
        np.fill_diagonal(graph, 0)
        paths.append(squareform(slow_paths(graph), checks=False).round(12))
    assert value("rsa-geodesic", high=0.6) == pytest.approx(stats.spearmanr(*paths).statistic, abs=1e-9)


def slow_paths(lengths: np.ndarray) -> np.ndarray:
    """Floyd and Warshall, written out."""
    paths = lengths.copy()
    for k in range(len(paths)):
        paths = np.minimum(paths, paths[:, k : k + 1] + paths[k : k + 1])
    return paths


def test_a_graph_that_falls_apart_is_a_reason() -> None:
    apart = np.vstack([RNG.normal(size=(20, 4)) * 0.01 + 5, RNG.normal(size=(20, 4)) * 0.01 - 5])
    with pytest.raises(Unprocessable, match="falls apart"):
        measure("rsa-geodesic")(apart, apart[::-1].copy(), inner="euclidean", low=0.0, high=0.3)


def test_rsm_norm_difference_is_a_frobenius_norm() -> None:
    expected = np.linalg.norm(X @ X.T - Y @ Y.T) / N
    assert value("rsm-norm-difference") == pytest.approx(expected)
    expected = np.linalg.norm(cdist(X, X) - cdist(Y, Y)) / N
    assert value("rsm-norm-difference", inner="euclidean") == pytest.approx(expected)


def near(z: np.ndarray, k: int) -> np.ndarray:
    return NearestNeighbors(n_neighbors=k, metric="cosine").fit(z).kneighbors(return_distance=False)


def test_neighbourhoods_are_counted() -> None:
    k = 5
    pairs = list(zip(near(X, k), near(Y, k), strict=True))
    jaccard = [len(set(a) & set(b)) / len(set(a) | set(b)) for a, b in pairs]
    assert value("mutual-knn", k=k) == pytest.approx(np.mean([len(set(a) & set(b)) / k for a, b in pairs]))
    ranks = []
    for a, b in pairs:
        shared = set(a) & set(b)
        total = 0.0
        for j in shared:
            r, s = list(a).index(j) + 1, list(b).index(j) + 1
            total += 2 / ((1 + abs(r - s)) * (r + s))
        ranks.append(total / sum(1 / m for m in range(1, len(shared) + 1)) if shared else 0)
    assert value("rank-similarity", k=k) == pytest.approx(np.mean(ranks))
    assert value("rank-joint-jaccard", k=k) == pytest.approx(np.mean(np.array(jaccard) * ranks))
    cosines = [1 - cdist(z, z, "cosine") for z in (X, Y)]
    orders = []
    for i, (a, b) in enumerate(pairs):
        union = sorted(set(a) | set(b))
        s, t = (c[i, union] for c in cosines)
        orders.append(s @ t / np.linalg.norm(s) / np.linalg.norm(t))
    assert value("second-order-cosine", k=k) == pytest.approx(np.mean(orders))


def test_cknna_is_cka_on_shared_neighbours() -> None:
    k = 12
    grams, masks = [], []
    for z in (X, Y):
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        mask = np.zeros((N, N))
        np.put_along_axis(mask, near(z, k), 1, axis=1)
        grams.append(unit @ unit.T)
        masks.append(mask)

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        middle = (a.sum(0) @ b.sum(1) + b.sum(0) @ a.sum(1)) / 2
        return np.trace(a @ b) + a.sum() * b.sum() / ((N - 1) * (N - 2)) - 2 / (N - 2) * middle

    both = masks[0] * masks[1]
    own = [hsic(g * m, g * m) for g, m in zip(grams, masks, strict=True)]
    expected = hsic(grams[0] * both, grams[1] * both) / np.sqrt(own[0] * own[1])
    assert value("cknna", k=k) == pytest.approx(expected)


def test_descriptions_of_one_number_are_subtracted() -> None:
    def uniformity(z: np.ndarray) -> float:
        return float(np.log(np.exp(-2 * cdist(z, z) ** 2).mean()))

    assert value("uniformity-difference") == pytest.approx(abs(uniformity(X) - uniformity(Y)))
    lengths = [np.linalg.norm(z.mean(0)) for z in (X, Y)]
    assert value("magnitude-difference") == pytest.approx(abs(lengths[0] - lengths[1]))
    cones = [np.mean(z @ z.mean(0) / np.linalg.norm(z, axis=1) / np.linalg.norm(z.mean(0))) for z in (X, Y)]
    assert value("concentricity-difference") == pytest.approx(abs(cones[0] - cones[1]))


def test_a_constant_model_has_reasons_and_the_others_their_numbers() -> None:
    constant = np.ones((N, 4))
    found = measure("linear-cka").matrix([X, constant, Y])
    assert np.isfinite(found.values[0, 2])
    assert found.values[0, 0] == 1
    for place in ((0, 1), (1, 0), (1, 1), (1, 2)):
        assert np.isnan(found.values[place])
        assert "constant over the probe set" in found.reasons[place]


def test_one_huge_sample_leaves_float32_its_digits() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(200, 64))
    b = a + rng.normal(size=(200, 64))
    a[0, 5] = b[0, 9] = 1e4
    for slug in ("linear-cka", "linear-cka-biased"):
        for width in (64, 8):
            exact = value(slug, a[:, :width].astype("f").astype(float), b[:, :width].astype("f").astype(float))
            assert value(slug, a[:, :width].astype("f"), b[:, :width].astype("f")) == pytest.approx(exact, abs=1e-4)


def test_layers_that_carry_nothing_but_rounding_have_reasons() -> None:
    outlier = np.zeros((N, 5))
    outlier[7] = 3
    for slug in ("linear-cka", "distance-correlation"):
        with pytest.raises(Unprocessable, match="0/0"):
            measure(slug)(outlier, Y)
    same = Y.copy()
    same[15:] = same[15]
    with pytest.raises(Unprocessable, match="median distance"):
        measure("rbf-cka")(same, Y)
    one_way = np.outer(RNG.uniform(1, 2, N), RNG.normal(size=5))
    for pair in ((one_way, Y), (Y, one_way)):
        with pytest.raises(Unprocessable, match="dissimilar"):
            measure("rsa")(*pair, outer="pearson")
    order = RNG.permutation(60)
    thrice, labels = np.concatenate([X[:20]] * 3)[order], np.repeat([0, 1, 2], 20)[order]
    for slug, sentence in (("nc1-cdnv", "same mean"), ("nc1-classic", "no inverse"), ("nc2-etf", "same mean")):
        with pytest.raises(Unprocessable, match=sentence):
            measure(slug)(thrice, labels)


def test_rounding_of_float32_is_no_direction() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6))
    x -= x.mean(1, keepdims=True)
    y = x @ rng.normal(size=(6, 6))
    y -= y.mean(1, keepdims=True)
    assert value("mean-cca", x.astype("f"), y.astype("f")) == pytest.approx(value("mean-cca", x, y), abs=1e-4)


def test_a_block_that_one_model_spoils_is_done_pair_by_pair() -> None:
    near = 1 + 3e-7 * RNG.normal(size=(N, 5))
    found = measure("mutual-knn").matrix([X, near, Y])
    assert np.isfinite(found.values[0, 2])
    few = measure("mutual-knn")(X[:11], Y[:11])
    assert few.value == 1
    assert few.low is None
    mixed = measure("rbf-cka").matrix([X.astype("f"), Y, X])
    assert np.isfinite(mixed.values).all()
    wide = RNG.normal(size=(N, 1100))
    assert value("soft-matching", wide, wide[:, ::-1].copy()) == pytest.approx(0, abs=1e-6)


def test_sparse_features_are_made_dense() -> None:
    sparse = torch.from_numpy(np.where(X > 1, X, 0)).to_sparse()
    assert measure("linear-cka")(sparse, Y).value == pytest.approx(value("linear-cka", sparse.to_dense().numpy()))
