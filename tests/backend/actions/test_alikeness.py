"""Who stands apart."""

import numpy as np

from kinscape.backend.actions.alikeness import standing_apart


def distances(places: list[float]) -> np.ndarray:
    x = np.array(places, dtype=np.float64)
    return np.abs(x[:, None] - x[None])


def test_one_far_from_all_others_stands_apart() -> None:
    assert standing_apart(distances([0, 1, 2, 3, 4, 100])).tolist() == [5]


def test_a_spread_of_models_has_nobody_apart_and_few_models_have_no_middle() -> None:
    assert standing_apart(distances([0, 1, 2, 3, 4, 5])).tolist() == []
    assert standing_apart(distances([0, 1, 100])).tolist() == []
    assert standing_apart(np.zeros((7, 7))).tolist() == []


def test_who_has_no_number_is_not_counted() -> None:
    unlike = distances([0, 1, 2, 3, 4, 100, 7])
    unlike[6] = unlike[:, 6] = np.nan
    assert standing_apart(unlike).tolist() == [5]
    assert standing_apart(np.full((6, 6), np.nan)).tolist() == []
