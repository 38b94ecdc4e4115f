"""Exploring a comparison in a browser: one selection in many views, by pointer and by keyboard alone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from kinscape import Client
from kinscape.client import Comparison
from tests.conftest import Server, save_networks
from tests.journeys.test_upload_compare_share import drawn, select_a_cell

EVIL = "<img src=x onerror=alert(1)>"
MEASURES = ["disagreement", "linear-cka", "accuracy", "ece", "l2-norm"]


@pytest.fixture(scope="module")
def asked(
    client: Client, networks: list[Path], probe_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Comparison:
    """Six networks of two groups, one with a name that is markup."""
    project = client.create_project("exploring")
    kind = {"architecture": "lenet", "arguments": {"classes": 10}}
    ids = [
        project.upload_checkpoint(f, name=EVIL if i == 4 else f"n{i}", group="one" if i < 3 else "two", **kind)
        for i, f in enumerate(networks[:6])
    ]
    return project.compare(checkpoints=ids, probe=project.upload_probe(probe_file), measures=MEASURES).wait(
        timeout_s=60
    )


def matrix(page: Page, comparison: Comparison, rest: str = "") -> Locator:
    """The matrix of the first measure, on the screen."""
    page.goto(f"/comparison/{comparison.id}?tab=matrix{rest}")
    return drawn(page, "linear-cka" if "linear-cka" in rest else "disagreement")


def tab(page: Page, name: str) -> None:
    page.locator("#tabs").get_by_text(name, exact=True).click()


def test_one_selection_lights_up_in_every_view(page: Page, asked: Comparison) -> None:
    matrix(page, asked)
    select_a_cell(page, 2, 0)
    chosen = page.evaluate("location.search")
    expect(page.locator("#selected .numbers tbody tr")).to_have_count(2)
    tab(page, "Map")
    expect(page.locator(".point.chosen")).to_have_count(2)
    tab(page, "Models")
    expect(page.locator(".model-table tr.here")).to_have_count(2)
    tab(page, "Matrix")
    assert page.evaluate("location.search") == chosen
    page.locator("#selected .close").first.click()
    expect(page.locator("#matrix-over")).to_have_attribute("data-selected", "0 0")
    expect(page.locator("#selected")).to_contain_text("Nothing selected")


def test_no_view_asks_the_server_for_what_the_page_has(page: Page, asked: Comparison) -> None:
    matrix(page, asked)
    expect(page.locator("select[name=order]")).to_be_visible()
    page.locator(".choice-link", has_text="Linear CKA").click()
    drawn(page, "linear-cka")
    requests: list[str] = []
    page.on("request", lambda r: requests.append(r.url))
    page.locator(".choice-link", has_text="Disagreement").click()
    drawn(page, "disagreement")
    page.locator("select[name=order]").select_option("name")
    expect(page.locator("#matrix-cells")).to_have_attribute("data-drawn", re.compile("^disagreement name"))
    page.locator("select[name=scale]").select_option("rank")
    expect(page.locator("#matrix-cells")).to_have_attribute("data-colours", re.compile("^rank"))
    tab(page, "Map")
    expect(page.locator(".point")).to_have_count(6)
    tab(page, "All measures")
    expect(page.locator(".thumb[data-drawn]")).to_have_count(2)
    # The counter of running work asks every five seconds, the page every eight whether its comparison was deleted, and
    # Chromium for the page's icon at each address.
    known = ("_dash-update-component", "_favicon", "/progress")
    assert [r for r in requests if not any(part in r for part in known)] == []


def test_the_main_path_by_keyboard_alone(page: Page, asked: Comparison) -> None:
    page.goto(f"/comparison/{asked.id}")
    page.locator("#matrix-cells[data-drawn]").wait_for()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-search")).to_be_focused()
    page.keyboard.type("matrix")
    expect(page.locator("#palette-0")).to_contain_text("Matrix")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("tab=matrix"))
    drawn(page, "disagreement")
    page.keyboard.press("]")
    drawn(page, "linear-cka")
    page.keyboard.press("[")
    drawn(page, "disagreement")
    page.keyboard.press("o")
    expect(page.locator("#matrix-cells")).to_have_attribute("data-drawn", re.compile("^disagreement group"))
    page.keyboard.press("c")
    expect(page.locator("#matrix-cells")).to_have_attribute("data-colours", re.compile("^rank"))
    page.locator(".matrix").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".matrix [aria-live]")).to_have_text(re.compile(r"n1 · n2, 0\.\d+, 95 % interval"))
    page.keyboard.press("Enter")
    expect(page.locator("#selected")).to_contain_text("n1 · n2")
    assert page.evaluate("document.activeElement.className") == "matrix"
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_contain_text("Nothing selected")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_contain_text("next order")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("s")
    expect(page.locator("dialog[open]")).to_contain_text("Share this view")
    page.locator("#share-make").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#share-url")).to_have_value(re.compile(r"/s/"))
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_the_wheel_zooms_about_the_pointer_and_then_moves(page: Page, asked: Comparison) -> None:
    matrix(page, asked, "&order=added")
    over = page.locator("#matrix-over")
    box = over.bounding_box()
    assert box is not None
    x, y, cell = (float(over.get_attribute(f"data-{name}") or 0) for name in ("x", "y", "cell"))
    page.mouse.move(box["x"] + x + 0.5 * cell, box["y"] + y + 0.5 * cell)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -60)
    page.keyboard.up("Control")
    expect(page).to_have_url(re.compile("zoom=0-4%2C0-4"))
    page.mouse.wheel(0, 60)
    expect(page).to_have_url(re.compile("zoom=1-5%2C0-4"))
    page.locator(".matrix").focus()
    page.keyboard.press("-")
    expect(page).not_to_have_url(re.compile("zoom="))
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("zoom=1-5%2C1-5"))


def test_a_drag_ends_where_it_is_released_and_other_buttons_do_nothing(page: Page, asked: Comparison) -> None:
    matrix(page, asked, "&order=added")
    over = page.locator("#matrix-over")
    box = over.bounding_box()
    assert box is not None
    x, y, cell = (float(over.get_attribute(f"data-{n}") or 0) for n in ("x", "y", "cell"))
    first = (box["x"] + x + 0.5 * cell, box["y"] + y + 1.5 * cell)
    page.mouse.move(*first)
    page.mouse.down()
    page.mouse.move(first[0] + 2 * cell, first[1] + cell, steps=4)
    page.mouse.move(first[0] + 2 * cell, box["y"] + box["height"] + 40, steps=4)
    page.mouse.up()
    page.mouse.click(*first)
    expect(over).not_to_have_attribute("data-selected", "0 0")
    page.keyboard.press("Escape")
    expect(over).to_have_attribute("data-selected", "0 0")
    page.mouse.click(*first, button="right")
    page.mouse.click(*first, button="middle")
    page.mouse.move(20, 400)
    page.mouse.down()
    page.mouse.move(*first, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)
    expect(over).to_have_attribute("data-selected", "0 0")
    diagonal = (first[0], first[1] - cell)
    page.mouse.click(*diagonal)
    expect(over).not_to_have_attribute("data-selected", "0 0")
    page.mouse.click(*diagonal)
    expect(over).to_have_attribute("data-selected", "0 0")


def test_everybody_set_aside_is_nobody_set_aside(page: Page, asked: Comparison) -> None:
    everybody = ",".join(map(str, asked.details.checkpoints))
    for tab_name in ("matrix", "multiples", "summary", "map", "models"):
        page.goto(f"/comparison/{asked.id}?tab={tab_name}&aside={everybody}")
        page.locator("#matrix-cells[data-drawn], .thumb[data-drawn], .point, .model-table tbody tr").first.wait_for()


def test_a_name_selects_a_checkpoint_that_can_be_set_aside(page: Page, asked: Comparison) -> None:
    matrix(page, asked, f"&a={asked.details.checkpoints[4]}")
    selected = page.locator("#selected")
    expect(selected).to_contain_text(EVIL)
    heading = selected.locator(".selected-head").bounding_box()
    assert heading is not None
    assert heading["height"] < 80
    expect(selected).to_contain_text("Nearest by Disagreement")
    expect(selected).to_contain_text("Accuracy")
    selected.get_by_text("Set aside").click()
    expect(page.locator(".matrix")).to_have_attribute("aria-label", re.compile("5 by 5"))
    page.get_by_text("1 set aside").click()
    expect(page.locator(".matrix")).to_have_attribute("aria-label", re.compile("6 by 6"))
    page.locator(".as-table summary").click()
    expect(page.locator(".as-table table th[scope=row]")).to_have_count(6)
    expect(page.locator(".as-table")).to_contain_text(EVIL)


def test_models_sort_filter_and_order_the_matrix(page: Page, asked: Comparison) -> None:
    page.goto(f"/comparison/{asked.id}?tab=models")
    rows = page.locator(".model-table tbody th a")
    expect(rows).to_have_count(6)
    page.get_by_role("button", name="Accuracy").click()
    values = asked.table(["accuracy"]).values[:, 0]
    best = asked.labels[int(values.argmax())]
    expect(rows.first).to_have_text(best)
    page.locator(".find").fill("two n5")
    expect(rows).to_have_count(1)
    tab(page, "Matrix")
    expect(page.locator("#matrix-cells")).to_have_attribute("data-drawn", re.compile("^disagreement by:accuracy"))
    expect(page.locator("select[name=order]")).to_have_value("by:accuracy")


@pytest.mark.parametrize(
    ("query", "mark"),
    [
        ("?measure=linear-cka&order=name", "linear-cka.* name"),
        ("?measure=disagreement&scale=rank&a={}&b={}", "disagreement alike"),
        ("?order=group&reading=above-chance", "disagreement group"),
        ("?scale=full&c={}&d={}", "disagreement alike"),
    ],
)
def test_addresses_of_before_open_what_they_did(page: Page, asked: Comparison, query: str, mark: str) -> None:
    ids = asked.details.checkpoints
    page.goto(f"/comparison/{asked.id}{query.format(ids[0], ids[1])}")
    expect(page.locator("#matrix-cells")).to_have_attribute("data-drawn", re.compile(mark))
    expect(page.locator(".notice")).to_have_count(0)


def test_an_address_by_hand_shows_what_it_can_and_says_so(page: Page, asked: Comparison) -> None:
    matrix(page, asked, "&colour=red&measure=nothing-of-this&a=999999&b=5&zoom=9-99,0-1&aside=77")
    expect(page.locator(".notice")).to_contain_text("colour")
    expect(page.locator("#selected")).to_contain_text("Nothing selected")
    matrix(page, asked, "&x=foo&aside=" + ",".join(map(str, asked.details.checkpoints)))
    expect(page.locator(".notice")).to_contain_text("calls aside, x;")
    matrix(page, asked, "&" + "k" * 500 + "=1")
    expect(page.locator(".notice")).to_contain_text("kkk…")
    matrix(page, asked, "&a=999999&order=by:nothing&layer=nowhere&columns=what")
    expect(page.locator(".notice")).to_contain_text("nothing that this address calls layer, columns (what), a")
    page.goto(f"/comparison/{asked.id}?tab=matrix&constructor=1&__proto__=x")
    expect(page.locator(".notice")).to_contain_text("constructor")
    page.goto(f"/comparison/{asked.id}?" + "x" * 60_000)
    expect(page.locator("#matrix-cells")).to_be_visible()


def test_a_comparison_is_named_deleted_and_restored_from_its_pages(
    page: Page, browser: Browser, server: Server, client: Client, tmp_path: Path, probe_file: Path
) -> None:
    project = client.create_project("put away")
    models = [project.upload_checkpoint(f) for f in save_networks(tmp_path, 2)]
    comparison = project.compare(
        checkpoints=models, probe=project.upload_probe(probe_file), measures=["disagreement"]
    ).wait(timeout_s=60)
    page.goto(f"/comparison/{comparison.id}")
    page.get_by_label("Edit name and notes").click()
    page.fill("#comparison-name", f"named {EVIL}")
    page.fill("#comparison-notes", "what for")
    page.click("#comparison-save")
    expect(page.locator("h1")).to_contain_text(f"named {EVIL}")
    expect(page.locator(".notes")).to_have_text("what for")
    expect(page).to_have_title(re.compile("^named"))
    page.get_by_label("Edit name and notes").click()
    page.click("#comparison-delete")
    page.wait_for_url(f"**/projects/{project.id}/comparisons")
    expect(page.locator("#comparison-list")).to_contain_text("Recently deleted")
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#comparison-list")).not_to_contain_text("Recently deleted")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#comparison-list")).to_contain_text("Recently deleted")
    # A window that may log what it does not find.
    other = browser.new_context(base_url=server.url).new_page()
    other.goto(f"/comparison/{comparison.id}")
    expect(other.locator("#page")).to_contain_text("was deleted")
    other.context.close()


def test_a_running_comparison_fills_in_and_keeps_what_is_selected(
    page: Page, client: Client, tmp_path: Path, digits_train: Path
) -> None:
    project = client.create_project("running")
    models = [project.upload_checkpoint(f) for f in save_networks(tmp_path, 5)]
    comparison = project.compare(
        checkpoints=models,
        probe=project.upload_probe(digits_train),
        measures=["disagreement", "loss-barrier", "hessian-trace"],
    )
    page.goto(f"/comparison/{comparison.id}?tab=matrix&measure=loss-barrier&a={models[0].id}&b={models[1].id}")
    page.locator("#matrix-cells[data-drawn]").wait_for()
    order = page.locator("select[name=order]")
    order.focus()
    expect(page.locator(".badge.good")).to_have_text("done", timeout=120_000)
    expect(page.locator("#selected .numbers")).to_contain_text("Loss barrier")
    expect(page.locator("#matrix-over")).to_have_attribute("data-selected", f"{models[0].id} {models[1].id}")
    assert page.evaluate("document.activeElement.name") == "order"


def test_a_picture_of_two_offers_two_lists_and_pages_have_titles(page: Page, asked: Comparison) -> None:
    page.goto(f"/comparison/{asked.id}?tab=pair")
    expect(page.locator(".empty h2")).to_have_text("Choose a pair")
    page.get_by_label("First").select_option(label="n0")
    page.get_by_label("Second").select_option(label="n1")
    expect(page.locator("#picture h2").first).to_have_text("n0 and n1")
    page.go_back()
    expect(page.locator(".empty h2")).to_have_text("Choose a pair")
    page.goto("/measures")
    expect(page).to_have_title("Measures · Kinscape")
    page.get_by_label("Find a measure").fill("guo 2017 temperature")
    expect(page.locator("#measure-list .study")).to_have_count(3)
    page.locator("#measure-list").get_by_text("Best temperature").click()
    expect(page.locator("#card-temperature")).to_contain_text("section 4.2")
    expect(page.locator("#card-temperature mjx-container").first).to_be_visible()
    page.get_by_label("Find a measure").fill("nothing of this kind")
    expect(page.locator("#measure-list")).to_have_text("No measure fits.")
    page.goto("/measures?measure=linear-cka")
    expect(page.locator("#card-linear-cka")).to_be_visible()
    page.locator(".places").get_by_text("Library").click()
    expect(page).to_have_title("Library · Kinscape")


def test_what_failed_while_the_server_was_away_is_asked_for_again(
    browser: Browser, server: Server, asked: Comparison
) -> None:
    # A window that may log what it did not get.
    page = browser.new_context(base_url=server.url).new_page()
    refused: list[str] = []

    def once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    page.route("**/models", once)
    page.goto(f"/comparison/{asked.id}?tab=models")
    expect(page.locator(".model-table tbody tr")).to_have_count(6)
    assert len(refused) == 1
    page.context.close()
