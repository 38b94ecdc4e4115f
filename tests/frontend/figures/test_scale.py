"""The colour scale beside a matrix, whatever its values are."""

import math

import pytest

from kinscape.backend.contracts.cards import Card
from kinscape.frontend.figures.scale import scale_histogram
from kinscape.library import measures


@pytest.mark.parametrize("scale", ["fit", "full", "rank"])
@pytest.mark.parametrize("slug", ["weight-cosine", "disagreement", "weight-l2", "accuracy-gap", "logit-mse"])
@pytest.mark.parametrize(
    "values",
    [
        [0.9999999999999978, 1.0, 0.9999999999999989],
        [1.0, 1.0],
        [0.0, 0.0],
        [],
        [math.nan, math.nan],
        [1e-300, 2e-300],
        [1e300, math.nextafter(1e300, math.inf)],
        [-3.0, 3.0],
    ],
)
def test_any_values_have_a_scale(values: list[float], slug: str, scale: str) -> None:
    card: Card = measures()[slug]
    figure = scale_histogram(values, card, scheme="light", scale=scale)
    low, high = figure.layout.xaxis.range
    assert high > low
    assert sum(figure.data[0].y) <= len(values)
