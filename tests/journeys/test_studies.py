"""Asking a question by a study, as a person does."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kinscape import Client
from kinscape.client import Project
from tests.journeys.test_upload_compare_share import select

LENET = {"architecture": "lenet", "arguments": {"classes": 10}}


@pytest.fixture(scope="module")
def school(client: Client, networks: list[Path], probe_file: Path) -> Project:
    """Three teachers, each with a student."""
    project = client.create_project("school of the journey")
    for i in range(3):
        project.upload_checkpoint(networks[i], name=f"t{i}", group="teacher", **LENET)
        project.upload_checkpoint(networks[3 + i], name=f"s{i}", group="kd", teacher=f"t{i}", init_of=f"t{i}", **LENET)
    project.upload_probe(probe_file, name="digits")
    return project


def test_from_the_library_to_a_verdict(page: Page, school: Project) -> None:
    page.goto(f"/projects/{school.id}")
    page.get_by_role("link", name="Studies").click()
    expect(page.locator("h1")).to_have_text("Studies")
    page.get_by_role("link", name=re.compile("Knowledge distillation")).click()
    plan = page.locator("#study-plan")
    expect(plan).to_contain_text("cells new")
    expect(plan).to_contain_text("3 teachers: the smallest one-sided p is 0.167")
    expect(plan).to_contain_text("above 0.05")
    expect(page.locator(".cast").first).to_have_text("3, from lineage, groups and tags: t0, t1, t2")
    teachers = page.get_by_label("Teachers (1 or more)")
    teachers.fill("group:nobody")
    expect(plan).to_contain_text("needs 1 or more and has 0 checkpoints")
    teachers.fill("group:teacher")
    expect(page.locator(".cast").first).to_contain_text("3, filter group:teacher: t0, t1, t2")
    page.get_by_label("Name", exact=True).fill("Do they learn?")
    page.get_by_role("button", name="Preregister and run").click()
    expect(page.locator("h1")).to_have_text("Do they learn?")
    expect(page.locator(".study-head .badge")).to_have_text("done", timeout=60_000)
    expect(page.locator(".answers .answer").first).to_contain_text("student: own − other teachers")
    expect(page.locator("aside")).to_contain_text("No number had been computed before.")
    expect(page.locator(".study-figures figure")).to_have_count(4)
    expect(page.locator(".study-figures .main-svg").first).to_be_visible()
    address = page.url
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the table as CSV").click()
    assert "student: own − other teachers" in Path(saved.value.path()).read_text()
    page.get_by_role("link", name="Its comparison").click()
    expect(page).to_have_url(re.compile(r"/comparison/\d+"))
    expect(page.locator("h1")).to_contain_text("Study: Do they learn?")
    page.goto(address)
    expect(page.locator("h1")).to_have_text("Do they learn?")
    page.locator(".study-head summary", has_text="Edit").click()
    page.get_by_label("Notes").fill("Asked once.")
    page.get_by_label("Name", exact=True).fill("They learn")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.locator("h1")).to_have_text("They learn")
    expect(page.locator(".notes")).to_have_text("Asked once.")
    page.locator(".study-head summary", has_text="Edit").click()
    page.get_by_label("Name", exact=True).fill("They do")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("h1")).to_have_text("They do")


def test_a_draft_waits_and_is_deleted(page: Page, school: Project) -> None:
    page.goto(f"/projects/{school.id}/studies/new?template=seeds")
    page.get_by_label("Independent seeds (3 or more)").fill("group:teacher")
    expect(page.locator(".cast").first).to_contain_text("3, filter group:teacher")
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.locator(".study-head .badge")).to_have_text("draft")
    expect(page.locator(".study-answer")).to_contain_text("Not run yet")
    page.get_by_role("button", name="Preregister").click()
    expect(page.locator(".study-head .badge")).to_have_text("registered")
    expect(page.locator("aside")).to_contain_text("Nothing was changed since.")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".study-head .badge")).to_have_text("done", timeout=60_000)
    page.goto(f"/projects/{school.id}/studies/new?template=seeds")
    page.get_by_label("Independent seeds (3 or more)").fill("group:kd")
    expect(page.locator(".cast").first).to_contain_text("3, filter group:kd")
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.locator(".study-head .badge")).to_have_text("draft")
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile(r"/studies$"))
    expect(page.locator("#study-list")).not_to_contain_text("draft")


def test_a_kind_that_there_is_not_and_a_number_that_there_is_not(page: Page, school: Project) -> None:
    page.goto(f"/projects/{school.id}/studies/new?template=alchemy")
    expect(page.locator("#page")).to_contain_text("There is no such study")
    page.goto("/study/999999")
    expect(page.locator("#page")).to_contain_text("There is no study 999999")


def test_a_pruned_copy_is_made_in_the_library(page: Page, client: Client, networks: list[Path]) -> None:
    project = client.create_project("pruned by hand")
    project.upload_checkpoint(networks[0], name="whole", **LENET)
    page.goto(f"/projects/{project.id}")
    select(page, "whole")
    page.get_by_text("Make a checkpoint from this one").click()
    page.get_by_label("Amount").fill("lots")
    page.get_by_role("button", name="Make", exact=True).click()
    expect(page.locator("#make-told")).to_contain_text("must be a number (share), not 'lots'")
    page.get_by_label("Amount").fill("0.9")
    page.get_by_role("button", name="Make", exact=True).click()
    expect(page.locator(".ag-row", has_text="whole pruned").first).to_be_visible()
    found = {c.name: c for c in project.checkpoints()}["whole pruned"]
    assert (found.parent, found.tags) == ("whole", {"made-by": "prune(share=0.9)"})


def test_a_study_is_run_by_one_click_or_says_what_it_lacks(page: Page, school: Project) -> None:
    page.goto(f"/projects/{school.id}/studies")
    kind = page.locator(".kind-and-verb", has_text="Grokking")
    kind.get_by_role("button", name="Run as proposed").click()
    expect(page.locator("#studies-trouble")).to_contain_text("needs 2 or more and has 0 checkpoints")
    page.locator(".kind-and-verb", has_text="Distillation").get_by_role("button", name="Run as proposed").click()
    page.wait_for_url(re.compile(r"/study/\d+"))
    expect(page.locator("main")).to_contain_text("What was found")
    assert page.evaluate("scrollY") == 0


def test_from_one_click_to_a_verdict_on_demo_networks(page: Page, school: Project) -> None:
    page.goto(f"/projects/{school.id}/studies")
    kind = page.locator(".kind-and-verb", has=page.locator('a[href*="template=seeds"]'))
    kind.get_by_role("button", name="Try on demo networks").click()
    expect(page.locator("#demo-told")).to_contain_text("Networks for the study seeds are trained")
    expect(page).to_have_url(re.compile(r"/study/\d+"), timeout=120_000)
    expect(page.locator(".study-head .badge").first).to_have_text("done", timeout=60_000)
    expect(page.locator(".headline p").first).to_contain_text("Two networks that differ by nothing but chance")
    page.get_by_role("link", name="Studies").first.click()
    expect(page.locator(".study-told").first).to_contain_text("Two networks that differ by nothing but chance")
    kind = page.locator(".kind-and-verb", has=page.locator('a[href*="template=seeds"]'))
    kind.get_by_role("link", name="Open its demo").click()
    expect(page).to_have_url(re.compile(r"/study/\d+"))
