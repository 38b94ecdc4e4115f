"""Correlations over models against scipy, closed forms and slow references."""

import numpy as np
import pytest
from scipy import stats

from kinscape.backend.statistics.associations import Column, associations, axes_of, granulated
from kinscape.backend.statistics.mantel import mantel
from kinscape.backend.statistics.ranks import benjamini_yekutieli, kendall, partial, spearman

RNG = np.random.default_rng(0)


def test_rank_correlations_are_scipys_row_by_row_with_ties() -> None:
    x, y = RNG.integers(0, 5, (6, 12)).astype(float), RNG.integers(0, 5, (6, 12)).astype(float)
    assert spearman(x, y) == pytest.approx([stats.spearmanr(a, b)[0] for a, b in zip(x, y, strict=True)])
    assert kendall(x, y) == pytest.approx([stats.kendalltau(a, b)[0] for a, b in zip(x, y, strict=True)])
    assert np.isnan(spearman(np.ones(4), np.arange(4.0)))
    assert np.isnan(kendall(np.ones(4), np.arange(4.0)))


def test_partial_correlation_is_that_of_residuals_of_ranks() -> None:
    z = RNG.normal(size=200)
    x, y = z + 0.5 * RNG.normal(size=200), z + 0.5 * RNG.normal(size=200)
    rx, ry, rz = (stats.rankdata(v) for v in (x, y, z))
    left = [v - np.polyval(np.polyfit(rz, v, 1), rz) for v in (rx, ry)]
    expected = np.corrcoef(*left)[0, 1]
    assert float(partial(spearman(x, y), spearman(x, z), spearman(y, z))) == pytest.approx(expected)
    assert np.isnan(partial(np.float64(0.5), np.float64(1.0), np.float64(0.5)))


def test_correction_is_scipys_benjamini_yekutieli() -> None:
    p = RNG.uniform(size=30) ** 3
    assert benjamini_yekutieli(p) == pytest.approx(stats.false_discovery_control(p, method="by"))
    holes = p.copy()
    holes[[3, 7]] = np.nan
    found = benjamini_yekutieli(holes)
    assert np.isnan(found[[3, 7]]).all()
    known = np.delete(np.arange(30), [3, 7])
    assert found[known] == pytest.approx(stats.false_discovery_control(p[known], method="by"))


def column(name: str, values: list[float]) -> Column:
    return Column(name, np.array(values, dtype=np.float64))


def test_what_follows_the_train_loss_alone_goes_away_when_that_is_held_still() -> None:
    rng = np.random.default_rng(1)
    loss = rng.normal(size=40)
    sharp, error = loss + 0.3 * rng.normal(size=40), loss + 0.3 * rng.normal(size=40)
    (found,) = associations(
        [Column("sharpness", sharp)], [Column("error", error)], control=Column("loss", loss), tags=[{}] * 40
    )
    assert found.spearman is not None
    assert found.spearman_partial is not None
    assert found.spearman.value == pytest.approx(stats.spearmanr(sharp, error)[0])
    assert found.spearman.low > 0.5
    assert found.spearman_partial.low < 0 < found.spearman_partial.high
    assert found.p < 0.001 < found.p_partial
    assert found.q >= found.p
    assert found.n == 40
    assert found.kendall.value == pytest.approx(stats.kendalltau(sharp, error)[0])


def test_permutation_p_is_about_what_a_distribution_says() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=30), rng.normal(size=30)
    y = y + 0.2 * x
    (found,) = associations([Column("x", x)], [Column("y", y)], control=None, tags=[{}] * 30)
    assert found.p == pytest.approx(stats.spearmanr(x, y)[1], abs=0.02)
    assert 0.02 < found.p < 0.9
    assert found.spearman_partial is None


def test_too_few_models_and_constants_are_sentences() -> None:
    few = associations([column("x", [1, 2, 3])], [column("y", [1, 2, 3])], control=None, tags=[{}] * 3)
    assert "Only 3 independent models" in few[0].sentence
    same = associations([column("x", [1, 1, 1, 1, 1])], [column("y", [1, 2, 3, 4, 5])], control=None, tags=[{}] * 5)
    assert "same for all models" in same[0].sentence
    gaps = associations(
        [column("x", [1, 2, np.nan, 4, 5, 6])], [column("y", [2, 3, 1, 5, 6, 9])], control=None, tags=[{}] * 6
    )
    assert gaps[0].n == 5
    assert gaps[0].spearman.value == pytest.approx(1)


def test_the_granulated_coefficient_compares_only_what_differs_in_one_tag() -> None:
    # Within each width, depth orders both alike; across widths the order of y is turned around.
    # Seeds (equal tags) differ in nothing that is named, so they are not compared.
    tags = [{"width": w, "depth": d} for w in "ab" for d in "123"]
    x = np.array([1, 2, 3, 11, 12, 13.0])
    y = np.array([11, 12, 13, 1, 2, 3.0])
    by_depth, by_width = 1.0, -1.0
    assert granulated(x, y, axes_of(tags)) == pytest.approx((by_depth + by_width) / 2)
    assert granulated(x, y, axes_of([{}] * 6)) is None


def test_mantel_is_the_slow_permutation_of_models() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(9, 2))
    first = np.linalg.norm(points[:, None] - points[None], axis=2)
    noise = rng.normal(size=(9, 9))
    second = first + 0.5 * (noise + noise.T)
    other = rng.normal(size=(9, 9))
    third = other + other.T
    rho, p, q = mantel([first, second, third])
    over = np.triu_indices(9, 1)
    assert rho[0, 1] == pytest.approx(stats.spearmanr(first[over], second[over])[0])
    slow = 0
    for _ in range(2000):
        order = rng.permutation(9)
        shuffled = first[np.ix_(order, order)]
        slow += abs(stats.spearmanr(shuffled[over], second[over])[0]) >= abs(rho[0, 1])
    assert p[0, 1] == pytest.approx((1 + slow) / 2001, abs=0.02)
    assert p[0, 1] < 0.05 < p[0, 2]
    harmonic = 1 + 1 / 2 + 1 / 3
    smallest = np.sort(p[np.triu_indices(3, 1)])
    assert np.nanmin(q) == pytest.approx(min(1, harmonic * min(3 * smallest / np.arange(1, 4))))
    assert np.isnan(p[0, 0])


def test_equal_settings_are_not_compared() -> None:
    tags = [{"lr": "a"}] * 3 + [{"lr": "b"}] * 3
    x, y = np.array([1, 2, 3, 11, 12, 13.0]), np.array([3, 2, 1, 13, 12, 11.0])
    assert granulated(x, y, axes_of(tags)) == pytest.approx(1)


def test_partial_p_values_have_the_size_they_say() -> None:
    rng = np.random.default_rng(4)
    small = 0
    for _ in range(300):
        z = rng.normal(size=20)
        x, y = z + 0.5 * rng.normal(size=20), z + 0.5 * rng.normal(size=20)
        (found,) = associations([Column("x", x)], [Column("y", y)], control=Column("z", z), tags=[{}] * 20)
        small += found.p_partial < 0.05
    assert small / 300 < 0.09


def test_few_models_perfect_orders_and_shared_outcomes_have_no_interval() -> None:
    order = np.arange(12.0)
    (perfect,) = associations([Column("x", order)], [Column("y", order**3)], control=None, tags=[{}] * 12)
    assert perfect.spearman.low is None
    few = np.random.default_rng(1).normal(size=(2, 6))
    (found,) = associations([Column("x", few[0])], [Column("y", few[1])], control=None, tags=[{}] * 6)
    assert found.spearman.low is None
    assert found.p is not None
    many = np.random.default_rng(1).normal(size=(2, 12))
    shared = Column("within", many[1], is_shared=True)
    (dependent,) = associations([Column("x", many[0])], [shared], control=None, tags=[{}] * 12)
    assert dependent.p is None
    assert dependent.q is None
    assert dependent.spearman.low is None


def test_many_models_have_intervals_that_cover_and_ps_of_their_size() -> None:
    rng = np.random.default_rng(5)
    truth, models = 0.5, 80
    # Of a bivariate normal with correlation r: Spearman's is 6 / pi * asin(r / 2), Kendall's 2 / pi * asin(r).
    r = 2 * np.sin(np.pi * truth / 6)
    held = {"spearman": truth, "kendall": 2 / np.pi * np.arcsin(r)}
    covered = dict.fromkeys(held, 0)
    small = 0
    for _ in range(300):
        x = rng.normal(size=models)
        y = r * x + np.sqrt(1 - r**2) * rng.normal(size=models)
        (found,) = associations([Column("x", x)], [Column("y", y)], control=None, tags=[{}] * models)
        for name, right in held.items():
            interval = getattr(found, name)
            covered[name] += interval.low <= right <= interval.high
        other = Column("w", rng.normal(size=models))
        (null,) = associations([Column("x", x)], [other], control=None, tags=[{}] * models)
        small += null.p < 0.05
    assert all(0.9 <= c / 300 <= 0.99 for c in covered.values()), covered
    assert 4 <= small <= 28
    (found,) = associations([Column("x", x)], [Column("y", y)], control=None, tags=[{}] * models)
    assert found.p == pytest.approx(stats.spearmanr(x, y)[1])
