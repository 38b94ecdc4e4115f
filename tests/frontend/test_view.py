"""The view and its address, filters, figures: pure parts of the dashboard."""

import json

import numpy as np
import plotly.io
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinscape import measures
from kinscape.frontend.figures import heatmap, look, samples, scale
from kinscape.frontend.figures.map import labelled
from kinscape.frontend.filtering import matches
from kinscape.frontend.view import CONTROLS, ORDERS, SCALES, TABS, View

CARDS = measures()
VIEWS = st.builds(
    View,
    tab=st.sampled_from(TABS),
    measure=st.text(max_size=60),
    layer=st.text(max_size=60),
    order=st.sampled_from(ORDERS),
    scale=st.sampled_from(SCALES),
    a=st.integers(0, 2**59),
    b=st.integers(0, 2**59),
    single=st.text(max_size=60),
    outcome=st.text(max_size=60),
    held=st.sampled_from(CONTROLS),
)


@given(VIEWS)
def test_a_view_survives_its_address(view: View) -> None:
    assert View.of(view.query()) == view


@given(st.text(max_size=200))
def test_any_address_is_some_view(query: str) -> None:
    assert View.of(View.of(query).query()) == View.of(query)


ROW = {
    "name": "sam-0 pruned",
    "group": "sam",
    "tags": {"seed": "3"},
    "metrics": {"accuracy": 0.93},
    "parameters": 21386,
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("sam", True),
        ("SAM pruned", True),
        ("sgd", False),
        ("group:sam acc>0.9", True),
        ("acc>0.95", False),
        ("seed=3", True),
        ("seed=30", False),
        ("params<=21386", True),
        ('name:"sam-0 pr"', True),
        ("nothing:here", False),
        ("group>3", False),
    ],
)
def test_filters_keep_what_they_say(text: str, fits: bool) -> None:  # noqa: FBT001
    assert matches(ROW, text) is fits


def block(n: int = 5, labels: list[str] | None = None) -> heatmap.OrderedMatrix:
    rng = np.random.default_rng(0)
    values = rng.uniform(0.1, 0.9, (n, n))
    values = (values + values.T) / 2
    labels = labels or [f"model {i}" for i in range(n)]
    return heatmap.OrderedMatrix(
        values, values - 0.05, values + 0.05, {(0, 1): "not comparable"}, list(range(1, n + 1)), labels, ["g", "h"] * n
    )


def test_names_in_figures_are_text_and_not_markup() -> None:
    evil = '<a href="x">click</a><span style="background:url(http://x)">'
    text = json.dumps(
        plotly.io.to_json(heatmap.heatmap(block(labels=[evil, "1e5", "b", "c", "d"]), CARDS["linear-cka"]))
    )
    assert "<a href" not in text
    assert "<span" not in text
    assert "&lt;a href" in text


def test_categories_stay_words_even_when_they_look_like_numbers() -> None:
    figure = heatmap.heatmap(block(labels=["1e5", "2", "3", "4", "5"]), CARDS["linear-cka"])
    assert figure.layout.xaxis.type == "category"
    assert list(figure.data[0].x) == ["1", "2", "3", "4", "5"]


def test_the_diagonal_is_blank_and_small_matrices_carry_numbers() -> None:
    figure = heatmap.heatmap(block(), CARDS["linear-cka"])
    assert np.isnan(np.diag(figure.data[0].z)).all()
    assert figure.data[0].text is not None
    assert heatmap.heatmap(block(30), CARDS["linear-cka"]).data[0].text is None
    assert figure.data[0].z.dtype == np.float32


def test_a_chain_of_a_thousand_merges_is_drawn() -> None:
    n = 2000
    merges = [[0, 1, 1.0, 2]] + [[n + k - 1, k + 1, k + 1.0, k + 2] for k in range(1, n - 1)]
    xs, _ = heatmap.branches(merges)
    assert len(xs) == 5 * (n - 1)


def test_dark_means_alike_whichever_way_a_measure_runs() -> None:
    def darkness(colour: str) -> int:
        if colour.startswith("#"):
            return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return sum(int(v) for v in colour[4:-1].split(","))

    for card in CARDS.values():
        if card.arity == "model" or card.direction == "nearer to zero is more alike":
            continue
        colours = look.scale_of(card)
        alike, far = (
            (colours[-1][1], colours[0][1])
            if card.direction == "higher is more alike"
            else (colours[0][1], colours[-1][1])
        )
        assert darkness(alike) < darkness(far), card.slug


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8712, "0.871"),
        (0.0, "0"),
        (12.345, "12.3"),
        (123456.0, "1.23e+05"),
        (float("nan"), "–"),
        (0.00123, "0.00123"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert look.number(value) == text


def test_names_on_the_map_do_not_cover_each_other() -> None:
    assert labelled([[0, 0], [0.01, 0.01], [1, 1], [0.5, 0.2]]) == {0, 2, 3}


def test_the_scale_counts_every_value() -> None:
    values = [0.1, 0.2, 0.2, float("nan")]
    figure = scale.scale_histogram(values, CARDS["linear-cka"], scheme="light", scale="full")
    assert sum(figure.data[0].y) == 3


def test_nothing_offers_to_send_a_figure_away() -> None:
    assert look.CONFIG["showSendToCloud"] is False
    assert look.CONFIG["plotlyServerURL"] == ""
    assert look.CONFIG["displaylogo"] is False


def test_a_sample_becomes_a_picture_only_when_it_is_one() -> None:
    assert str(samples.picture([0.0, 1.0, 0.5, 0.2], [1, 2, 2])).startswith("data:image/png;base64,")
    assert samples.picture([0.0] * 64, [64]) is None
