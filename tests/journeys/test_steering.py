"""Steering what is shown: the first answer, columns one by one, the table of models, the map."""

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import APIResponse, Browser, Locator, Page, expect

from kinscape import Client
from kinscape.client import Comparison
from tests.conftest import Server

MEASURES = ["disagreement", "js-divergence", "accuracy", "ece", "l2-norm"]


@pytest.fixture(scope="module")
def asked(client: Client, networks: list[Path], probe_file: Path) -> Comparison:
    """Six networks of two groups."""
    project = client.create_project("steering")
    kind = {"architecture": "lenet", "arguments": {"classes": 10}}
    ids = [
        project.upload_checkpoint(f, name=f"n{i}", group="one" if i < 3 else "two", notes=f"note {i}", **kind)
        for i, f in enumerate(networks[:6])
    ]
    project.upload_values({f"n{i}": {"epochs": 10 - i} for i in range(5)})
    return project.compare(checkpoints=ids, probe=project.upload_probe(probe_file), measures=MEASURES).wait(
        timeout_s=60
    )


def cells(page: Page, mark: str) -> None:
    expect(page.locator("#matrix-cells")).to_have_attribute("data-drawn", re.compile(mark))


def names(page: Page) -> Locator:
    return page.locator(".model-table tbody th a")


def test_the_first_answer_is_steered_and_its_address_brings_it_back(page: Page, asked: Comparison) -> None:
    page.goto(f"/comparison/{asked.id}?tab=summary")
    cells(page, "^disagreement alike")
    page.locator(".steering select[name=measure]").select_option("js-divergence")
    cells(page, "^js-divergence alike")
    page.locator(".steering select[name=order]").select_option("name")
    page.get_by_role("button", name="A to Z").click()
    cells(page, "^js-divergence name:up")
    page.locator(".column-ticks summary").click()
    ticks = page.locator(".column-ticks input[type=checkbox]")
    for k in range(ticks.count()):
        ticks.nth(k).set_checked(checked=False)
    page.locator(".column-ticks label", has_text="L2").click()
    expect(page.locator(".column-ticks summary")).to_contain_text("Columns (1 of 4)")
    across, up = page.get_by_label("Across"), page.get_by_label("Up", exact=True)
    before = (across.input_value(), up.input_value())
    across.select_option("l2-norm")
    up.select_option("accuracy")
    expect(page.locator(".scatter svg")).to_have_attribute("aria-label", re.compile("against L2"))
    # The number of the other axis: they change places.
    up.select_option("l2-norm")
    expect(across).to_have_value("accuracy")
    assert before != ("accuracy", "l2-norm")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    cells(page, "^js-divergence name:up")
    expect(page.locator(".column-ticks summary")).to_contain_text("Columns (1 of 4)")
    expect(page.get_by_label("Across")).to_have_value("accuracy")
    with page.expect_download() as saved:
        page.locator(".summary-matrix").get_by_role("button", name="SVG").click()
    text = Path(saved.value.path()).read_text()
    assert "Jensen-Shannon" in text
    assert "n5" in text


def test_columns_beside_the_matrix_are_chosen_one_by_one(page: Page, asked: Comparison) -> None:
    page.goto(f"/comparison/{asked.id}?tab=matrix&columns=l2-norm;accuracy")
    cells(page, "^disagreement")
    expect(page.locator("select[name=columns] option:checked")).to_have_text("Chosen one by one")
    page.locator(".column-ticks summary").click()
    expect(page.locator(".column-ticks input:checked")).to_have_count(2)
    page.locator(".column-ticks label", has_text="Accuracy").click()
    expect(page).to_have_url(re.compile("columns=l2-norm(&|$)"))
    page.locator(".column-ticks label", has_text="L2").click()
    expect(page).to_have_url(re.compile("columns=none"))
    page.goto(f"/comparison/{asked.id}?tab=matrix&columns=l2-norm;nothing")
    expect(page.locator(".trouble")).to_contain_text("columns")


def test_rows_of_models_are_filtered_ticked_and_lit_in_the_matrix(page: Page, asked: Comparison) -> None:
    ids = asked.details.checkpoints
    page.goto(f"/comparison/{asked.id}?tab=models")
    expect(names(page)).to_have_count(6)
    page.get_by_label("Filter checkpoints").fill("group:one l2-norm>0")
    expect(names(page)).to_have_count(3)
    page.get_by_role("button", name="Checkpoint").click()
    page.get_by_role("button", name="Checkpoint").click()
    expect(names(page).first).to_have_text("n2")
    # What was given stands beside what was computed, is filtered and sorted like it, and says what it is.
    page.get_by_label("Filter checkpoints").fill("given:epochs>7")
    expect(page.locator(".trouble")).to_be_visible()
    page.get_by_role("button", name="epochs (given)").click()
    page.get_by_label("Filter checkpoints").fill("group:one l2-norm>0")
    expect(names(page)).to_have_text(["n0", "n1", "n2"])
    page.get_by_role("button", name="epochs (given)").click()
    expect(names(page).first).to_have_text("n2")
    page.get_by_label("95 % intervals").click()
    expect(page.locator(".model-table small")).to_have_count(0)
    page.get_by_label("Select n2").check()
    page.get_by_label("Select n0").check()
    expect(page.locator(".ticked")).to_contain_text("2 selected")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(names(page)).to_have_text(["n2", "n1", "n0"])
    expect(page.locator(".model-table tr.here")).to_have_count(2)
    page.get_by_label("Filter checkpoints").fill("colour:red")
    expect(page.locator(".trouble")).to_contain_text("no checkpoint has colour")
    page.get_by_label("Filter checkpoints").fill("")
    page.get_by_label("Under their groups").click()
    expect(page.locator(".group-row")).to_have_count(2)
    page.get_by_label("Select one").check()
    expect(page.locator(".ticked")).to_contain_text("3 selected")
    page.get_by_role("link", name="Show in the matrix").click()
    block = ",".join(map(str, ids[:3]))
    expect(page.locator("#matrix-over")).to_have_attribute("data-block", f"{block};{block}")
    expect(page.locator("#selected h2").first).to_have_text("3 checkpoints")
    page.locator("#tabs").get_by_text("All measures", exact=True).click()
    expect(page.locator(".mini .lit").first).to_be_visible()
    page.locator("#tabs").get_by_text("Models", exact=True).click()
    page.get_by_role("link", name="Compare these").click()
    expect(page.locator("main")).to_contain_text("3 chosen × 5 measures")


def test_the_map_says_its_stress_and_is_enlarged(page: Page, asked: Comparison) -> None:
    page.goto(f"/comparison/{asked.id}?tab=map")
    expect(page.locator(".point")).to_have_count(6)
    expect(page.locator(".picture")).to_contain_text(re.compile("Stress 0"))
    for _ in range(6):
        page.get_by_role("button", name="Nearer").click()
    expect(page).to_have_url(re.compile("frame="))
    expect(page.get_by_role("button", name="Whole map")).to_be_visible()
    seen = page.locator(".point").count()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_role("button", name="Whole map")).to_be_visible()
    expect(page.locator(".point")).to_have_count(seen)
    page.get_by_role("button", name="Whole map").click()
    expect(page.locator(".point")).to_have_count(6)


def test_a_link_to_one_matrix_opens_no_other_number(
    page: Page, browser: Browser, server: Server, asked: Comparison
) -> None:
    page.goto(f"/comparison/{asked.id}?tab=matrix&measure=js-divergence")
    page.locator("#share-open").click()
    page.locator("#share-scope").select_option("matrix")
    page.locator("#share-by").fill("a colleague")
    page.locator("#share-make").click()
    address = page.locator("#share-url").input_value()
    expect(page.locator("#share-list")).to_contain_text("by a colleague of results")
    expect(page.locator("#share-list")).to_contain_text("this matrix alone")
    visitor = browser.new_context(base_url=server.url).new_page()
    visitor.goto(address)
    cells(visitor, "^js-divergence")
    expect(visitor.locator(".comparison-head")).to_contain_text("Shared by a colleague")
    expect(visitor.locator("#tabs a")).to_have_text(["Matrix", "Map"])
    a, b = asked.details.checkpoints[:2]
    visitor.goto(f"{visitor.url.split('?')[0]}?tab=matrix&a={a}&b={b}")
    expect(visitor.locator("#selected .numbers tr")).to_have_count(1)
    expect(visitor.locator(".trouble")).to_have_count(0)
    own = f"/api/v1/comparisons/{asked.id}"
    # As the page asks: whoever sits at the server's own machine is its owner otherwise.
    of_link = {"kinscape-shared-page": visitor.url.split("?")[0].rsplit("/", 1)[1]}

    def get(part: str) -> APIResponse:
        return visitor.request.get(own + part, headers=of_link)

    refused = ["/models", "/answer", f"/pair?a={a}&b={b}", "/matrix?measure=disagreement", "/associations"]
    refused += [
        "/matrix?measure=js-divergence&measure=disagreement",
        "/groups?a=one&b=two",
        "/export/archive",
        "/matrix",
    ]
    assert [get(part).status for part in refused] == [403] * len(refused)
    assert get("/matrix?measure=js-divergence").ok
    assert [m["key"] for m in get("").json()["measures"]] == ["js-divergence"]
    assert all(c["notes"] == "" for c in get("/checkpoints").json())
    visitor.context.close()
