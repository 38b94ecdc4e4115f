"""The view and its address, filters, figures: pure parts of the dashboard."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinscape import measures
from kinscape.backend.contracts.filtering import matches, misunderstood
from kinscape.backend.contracts.words import interval, number
from kinscape.frontend.figures import look, samples
from kinscape.frontend.pages.filtered import count, passing
from kinscape.frontend.pages.measure_choice import SETS, sets_of, toggled
from kinscape.frontend.view import CONTROLS, INTERVALS, ORDERS, SCALES, SURE, TABS, WAYS, View

CARDS = measures()
VIEWS = st.builds(
    View,
    tab=st.sampled_from(TABS),
    measure=st.text(max_size=60),
    layer=st.text(max_size=60),
    order=st.sampled_from([*ORDERS, "by:hessian-trace", "by:rankme@features.3"]),
    way=st.sampled_from(WAYS),
    intervals=st.sampled_from(INTERVALS),
    find=st.text(max_size=60),
    frame=st.sampled_from(["", "0,0,2", "-0.25,1.5,12.5"]),
    scale=st.sampled_from(SCALES),
    sure=st.sampled_from(SURE),
    columns=st.text(max_size=60),
    aside=st.lists(st.integers(1, 10**6), max_size=20).map(lambda ids: ",".join(map(str, ids))),
    zoom=st.sampled_from(["", "0-4,2-9"]),
    block=st.sampled_from(["", "1;2", "1,2;3,4,5"]),
    cut=st.sampled_from(["", "2", "12"]),
    strips=st.sampled_from(["", "none", "group,seed", "a tag"]),
    which=st.sampled_from(["", "only-a", "both-wrong", "3-5"]),
    skip=st.integers(0, 10**6),
    a=st.integers(0, 10**15 - 1),
    b=st.integers(0, 10**15 - 1),
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


# Cases that the browser's filter has to meet too: frontend/browser/filtering.test.ts.
FILTERS = json.loads((Path(__file__).parent / "filters.json").read_text())


@pytest.mark.parametrize(("text", "fits"), FILTERS["cases"])
def test_filters_keep_what_they_say(text: str, fits: bool) -> None:  # noqa: FBT001
    assert matches(FILTERS["row"], text) is fits


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
    assert number(value) == text


def test_an_interval_that_is_none_is_no_words() -> None:
    assert interval(0.1, 0.25) == "0.100 to 0.250"
    assert interval(float("nan"), 1.0) == ""


def test_no_view_opens_the_summary_and_one_of_before_the_matrix() -> None:
    assert View.of("").tab == "summary"
    assert View.of("?measure=linear-cka&a=1&b=2").tab == "matrix"


def test_nothing_offers_to_send_a_figure_away() -> None:
    assert look.CONFIG["showSendToCloud"] is False
    assert look.CONFIG["plotlyServerURL"] == ""
    assert look.CONFIG["displaylogo"] is False


def test_a_sample_becomes_a_picture_only_when_it_is_one() -> None:
    assert str(samples.picture([0.0, 1.0, 0.5, 0.2], [1, 2, 2])).startswith("data:image/png;base64,")
    assert samples.picture([0.0] * 64, [64]) is None


def test_a_filter_hides_rows_and_keeps_them() -> None:
    rows = [{**FILTERS["row"], "id": 7}, {**FILTERS["row"], "id": 8, "group": "sgd"}]
    options = passing(rows, "group:sam")
    assert options["doesExternalFilterPass"]["function"] == "isAmong(params.data.id, '7')"
    assert passing(rows, "")["isExternalFilterPresent"]["function"] == "false"
    assert count(rows, "group:sam") == 1


def test_every_set_of_measures_is_of_known_ones_and_is_taken_back_whole() -> None:
    cards = [*CARDS.values()]
    offered = sets_of(cards)
    assert all(set(slugs) <= set(CARDS) for slugs in SETS.values()), "a set names a measure that is none"
    assert len(offered["Everything quick"]) > 15
    chosen = toggled(["accuracy", "rankme"], offered["Calibration"])
    assert chosen[:2] == ["accuracy", "rankme"]
    assert set(offered["Calibration"]) <= set(chosen)
    assert toggled(chosen, offered["Calibration"]) == ["rankme"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        ("sam group:g acc>0.5 seed=3", ""),
        ("acc>>", "acc> needs a number, not >"),
        ("acc>high", "acc> needs a number, not high"),
        ("colour:red", "no checkpoint has colour"),
        (">0.5", ">0.5 is not understood: write it as group:sam, name~pruned or acc>0.9"),
    ],
)
def test_a_filter_that_nothing_can_fit_says_why(text: str, told: str) -> None:
    row = {"name": "sam-1", "group": "g", "accuracy": 0.9, "tags": {"seed": "3"}, "metrics": {}}
    assert misunderstood([row, {"name": "x", "accuracy": None}], text) == told
    assert misunderstood([], "colour:red") == ""
