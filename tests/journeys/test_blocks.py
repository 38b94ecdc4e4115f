"""Blocks, clusters and strips of a matrix, as a person meets them."""

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Page, expect

from kinscape.client import Client, Comparison


@pytest.fixture(scope="module")
def asked(client: Client, networks: list[Path], probe_file: Path) -> Comparison:
    """Six networks of two groups with a tag."""
    project = client.create_project("blocks")
    models = [
        project.upload_checkpoint(path, name=f"n{k}", group="ab"[k % 2], tags={"seed": str(k // 2)})
        for k, path in enumerate(networks)
    ]
    probe = project.upload_probe(probe_file)
    measures = ["disagreement", "linear-cka", "accuracy", "ece"]
    return project.compare(checkpoints=models, probe=probe, measures=measures).wait(timeout_s=60)


def matrix(page: Page, asked: Comparison, view: str = "") -> None:
    page.goto(f"/comparison/{asked.id}?tab=matrix{view}")
    page.locator("#matrix-cells[data-drawn]").wait_for()


def cell(page: Page, row: float, column: float) -> tuple[float, float]:
    over = page.locator("#matrix-over")
    box = over.bounding_box()
    assert box is not None
    x, y, size = (float(over.get_attribute(f"data-{n}") or 0) for n in ("x", "y", "cell"))
    return box["x"] + x + (column + 0.5) * size, box["y"] + y + (row + 0.5) * size


def drag(page: Page, first: tuple[int, int], last: tuple[int, int]) -> None:
    page.mouse.move(*cell(page, *first))
    page.mouse.down()
    page.mouse.move(*cell(page, *last), steps=5)
    page.mouse.up()


def test_a_block_is_selected_tested_enlarged_and_shared_by_its_address(page: Page, asked: Comparison) -> None:
    matrix(page, asked, "&order=group")
    drag(page, (0, 0), (2, 2))
    panel = page.locator(".block-panel")
    expect(panel).to_contain_text("3 checkpoints")
    expect(panel).to_contain_text("Within")
    expect(panel).to_contain_text("With all others")
    expect(panel).to_contain_text(re.compile(r"p = \d\.\d+ of 20 splits; it could not be below 0\.05"))
    expect(panel).to_contain_text("too small")
    address = page.url
    expect(page.locator("#matrix-over")).to_have_attribute("data-block", re.compile(r"^\d+,\d+,\d+;\d+,\d+,\d+$"))
    panel.get_by_text("Enlarge").click()
    expect(page.locator(".matrix")).to_have_attribute("aria-label", re.compile("3 by 3"))
    page.get_by_text("Whole matrix").click()
    expect(page.locator(".matrix")).to_have_attribute("aria-label", re.compile("6 by 6"))
    panel.get_by_text("Only these").click()
    expect(page.locator(".matrix")).to_have_attribute("aria-label", re.compile("3 by 3"))
    page.goto(address)
    expect(panel).to_contain_text("3 checkpoints")
    # What the measure says changes with the measure, the block stays.
    page.locator(".choice-link", has_text="Linear CKA").first.click()
    expect(panel).to_contain_text("Linear CKA")
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_contain_text("Nothing selected")


def test_rows_and_columns_apart_are_compared_with_what_is_within(page: Page, asked: Comparison) -> None:
    matrix(page, asked, "&order=group")
    drag(page, (0, 3), (2, 5))
    panel = page.locator(".block-panel")
    expect(panel).to_contain_text("3 × 3 checkpoints")
    expect(panel).to_contain_text("Between rows and columns")
    panel.get_by_text("Rows among themselves").click()
    expect(panel).to_contain_text("With all others")
    matrix(page, asked, "&order=group")
    drag(page, (0, 1), (2, 4))
    expect(panel).to_contain_text("neither within nor between")


def test_a_block_is_chosen_by_keyboard(page: Page, asked: Comparison) -> None:
    matrix(page, asked, "&order=group")
    page.locator(".matrix").focus()
    for key in ("ArrowRight", "ArrowLeft", "b", "Shift+ArrowRight", "ArrowDown", "b"):
        page.keyboard.press(key)
    expect(page.locator(".block-panel")).to_contain_text("2 × 6 checkpoints")


def test_clusters_are_cut_selected_and_kept_as_a_tag(page: Page, asked: Comparison, client: Client) -> None:
    matrix(page, asked)
    page.locator("select[name=cut]").select_option("3")
    expect(page.locator("#clusters .chip", has_text="Cluster")).to_have_count(3)
    page.locator("#clusters .chip", has_text="Cluster 1").click()
    expect(page.locator(".block-panel")).to_be_visible()
    page.get_by_role("button", name="Keep as a tag…").click()
    page.get_by_label("Name of the tag").fill("kin")
    page.get_by_role("button", name="Write").click()
    expect(page.locator("#clusters")).to_contain_text("Every checkpoint has kin=… now.")
    project = client.project_numbered(asked.details.project)
    tags = {c.name: c.tags for c in project.checkpoints()}
    assert {t["kin"] for t in tags.values()} == {"1", "2", "3"}
    assert {t["seed"] for t in tags.values()} == {"0", "1", "2"}
    # The tag can colour a strip at once.
    page.locator(".chip", has_text=re.compile("^kin$")).click()
    expect(page).to_have_url(re.compile("strips=group%2Ckin"))
    project.tag("kin", dict.fromkeys(asked.details.checkpoints, ""))
    assert all("kin" not in c.tags for c in project.checkpoints())


def test_strips_are_chosen_and_explained(page: Page, asked: Comparison) -> None:
    matrix(page, asked, "&strips=seed")
    expect(page.locator(".groups-legend")).to_have_count(1)
    expect(page.locator(".groups-legend")).to_contain_text("seed")
    page.locator(".chip", has_text=re.compile("^group$")).click()
    expect(page.locator(".groups-legend")).to_have_count(2)
    page.locator(".chip", has_text=re.compile("^group$")).click()
    page.locator(".chip", has_text=re.compile("^seed$")).click()
    expect(page.locator(".groups-legend")).to_have_count(0)
    expect(page).to_have_url(re.compile("strips=none"))


def test_a_checkpoint_has_a_page_of_its_own(page: Page, asked: Comparison) -> None:
    number = asked.details.checkpoints[0]
    matrix(page, asked, f"&a={number}")
    page.get_by_text("Open the checkpoint").click()
    shown = page.locator("#one-checkpoint")
    expect(shown.locator("h1")).to_have_text("n0")
    expect(page.locator(".menu summary").first).to_contain_text("blocks")
    expect(shown).to_contain_text(re.compile(r"Accuracy\s*0\.\d+"))
    expect(shown).to_contain_text("features.0.weight")
    expect(shown.locator("#curve-ece .main-svg").first).to_be_visible()
    shown.locator("aside table a").first.click()
    expect(shown.locator("h1")).not_to_have_text("n0")
    shown.locator("aside li a").last.click()
    expect(page.locator("#matrix-cells")).to_be_visible()
    page.goto("/checkpoint/999999999")
    expect(page.locator("#page")).to_contain_text("There is no checkpoint 999999999.")
