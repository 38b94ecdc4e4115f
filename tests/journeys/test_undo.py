"""Deleting on the pages: said, undone, restored."""

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Page, expect

from kinscape.client import Client
from tests.journeys.test_upload_compare_share import select


def test_checkpoints_and_probe_sets_are_deleted_and_come_back(
    page: Page, client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("undo in the library")
    project.upload_checkpoint(networks[0], name="mine")
    project.upload_checkpoint(networks[1], name="child", parent="mine")
    project.upload_probe(probe_file, name="samples")
    page.goto(f"/projects/{project.id}")
    select(page, "mine")
    page.click("#checkpoint-delete")
    expect(page.locator("#checkpoint-trouble")).to_contain_text("'child' names this checkpoint as parent")
    select(page, "child")
    page.click("#checkpoint-delete")
    expect(page.locator("#checkpoint-trouble")).to_contain_text("child was deleted.")
    expect(page.locator("#library-body")).not_to_contain_text("child")
    page.locator("#checkpoint-trouble").get_by_role("button", name="Undo").click()
    expect(page.locator("#library-body")).to_contain_text("child")
    page.locator(".probe summary").click()
    page.locator(".probe input").first.fill("renamed")
    page.locator(".probe").get_by_role("button", name="Save").click()
    expect(page.locator(".probe strong")).to_have_text("renamed")
    page.locator(".probe summary").click()
    page.locator(".probe").get_by_role("button", name="Delete").click()
    expect(page.locator("#probe-list")).to_contain_text("No probe sets yet")
    page.locator("#recently-deleted summary").click()
    page.locator("#recently-deleted").get_by_role("button", name="Restore").click()
    expect(page.locator(".probe strong")).to_have_text("renamed")


def test_a_project_is_renamed_deleted_and_restored_from_the_start_page(page: Page, client: Client) -> None:
    project = client.create_project("undo on the start page")
    page.goto("/")
    row = page.locator("#project-list > .study").first
    expect(row).to_contain_text("undo on the start page")
    row.locator("summary").click()
    row.locator("input").fill("renamed there")
    row.get_by_role("textbox", name="Notes").fill("what it is for\nand more")
    row.get_by_role("button", name="Save").click()
    expect(page.locator("#project-list > .study").first).to_contain_text("renamed there")
    row.locator("summary").click()
    expect(row).to_contain_text("Deleting takes 0 checkpoints, 0 comparisons and all links along")
    row.get_by_role("button", name="Delete").click()
    gone = page.locator("#project-list > .study", has_text="renamed there").last
    gone.get_by_role("button", name="Restore").click()
    expect(page.locator("#project-list > .study").first.locator("a").first).to_have_text("renamed there")
    found = client.project_numbered(project.id)
    assert (found.name, found.details.notes) == ("renamed there", "what it is for\nand more")
