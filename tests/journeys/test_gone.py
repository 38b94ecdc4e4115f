"""What is not there, or no longer: a sentence and a way on, never a page that looks as if."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kinscape import Client
from kinscape.client import Comparison, Project
from tests.conftest import Server
from tests.journeys.test_upload_compare_share import drawn


@pytest.fixture(scope="module")
def project(client: Client, networks: list[Path], probe_file: Path) -> Project:
    project = client.create_project("gone")
    kind = {"architecture": "lenet", "arguments": {"classes": 10}}
    for k, file in enumerate(networks[:6]):
        project.upload_checkpoint(file, name=f"n{k}", **kind)
    project.upload_probe(probe_file)
    return project


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A window in which answers that say "not found" are no faults."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server.url)
    yield context.new_page()
    context.close()


def asked(project: Project) -> Comparison:
    found = project.compare(
        checkpoints=project.checkpoints(), probe=project.probes()[0], measures=["disagreement", "linear-cka"]
    )
    return found.wait(timeout_s=60)


def test_a_comparison_that_is_deleted_while_it_is_watched_says_so(page: Page, project: Project) -> None:
    comparison = asked(project)
    page.goto(f"/comparison/{comparison.id}?tab=matrix")
    drawn(page, "disagreement")
    comparison.delete()
    expect(page.locator("[data-room='head'] h1")).to_have_text("This comparison is not here", timeout=20_000)
    expect(page.locator("[data-room='head']")).to_contain_text("restored for seven days")
    expect(page.locator("#tabs a")).to_have_count(0)
    expect(page.locator("#share-open")).to_have_count(0)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/comparison/999999", "This comparison is not here"),
        ("/comparison/abc", "There is nothing here"),
        ("/checkpoint/999999", "There is nothing here"),
        ("/study/999999", "There is nothing here"),
        ("/projects/999999", "There is nothing here"),
        ("/nowhere", "There is nothing here"),
        ("/shared/xyz", "This link does not open anything"),
    ],
)
def test_what_is_not_there_has_a_heading_and_a_way_on(page: Page, project: Project, path: str, told: str) -> None:
    assert project.id, "an empty server would show another start page"
    page.goto(path)
    expect(page.locator("h1")).to_have_text(told)
    expect(page).to_have_title(re.compile(re.escape(told) + "|not here"))
    if "shared" not in path:
        page.locator("#page").get_by_role("link", name="Start page").click()
        expect(page.locator("h1")).to_have_text("Projects")


def test_without_those_set_aside_the_others_are_clustered_anew(page: Page, project: Project) -> None:
    comparison = asked(project)
    far = comparison.details.checkpoints[-1]
    page.goto(f"/comparison/{comparison.id}?tab=matrix&aside={far}&cut=2")
    drawn(page, "disagreement")
    expect(page.locator("#clusters .chip").filter(has_text="Cluster")).to_have_count(2)
    sizes = [int(t.rsplit(", ", 1)[1]) for t in page.locator("#clusters a.chip").all_inner_texts()]
    assert sum(sizes) == 5
    assert page.locator("#matrix-cells").get_attribute("data-tree") == "4"
