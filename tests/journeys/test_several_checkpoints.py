"""Several checkpoints of the library at once, groups as rows, and where a pair disagrees."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kinscape.client import Client, ClientError, Project
from tests.conftest import save_networks


@pytest.fixture
def zoo(client: Client, tmp_path: Path, probe_file: Path) -> Project:
    project = client.create_project(f"several {tmp_path.name}")
    for k, path in enumerate(save_networks(tmp_path, 4)):
        project.upload_checkpoint(path, name=f"net{k}", group="sgd" if k < 2 else "sam", metrics={"accuracy": k / 10})
    project.upload_probe(probe_file, name="held")
    return project


def choose(page: Page, *names: str, ticked: bool = True) -> None:
    """Tick the boxes of these rows, or take the ticks away."""
    for name in names:
        row = page.locator(".ag-row", has=page.locator(".ag-cell", has_text=re.compile(f"^{name}$")))
        row.locator(".ag-checkbox-input").first.set_checked(ticked)


def test_selected_checkpoints_are_grouped_compared_deleted_and_brought_back(page: Page, zoo: Project) -> None:
    page.goto(f"/projects/{zoo.id}")
    choose(page, "net0", "net1", "net2")
    expect(page.locator("#library-selected")).to_contain_text("3 checkpoints selected")
    page.fill("#several-group", "mixed")
    page.fill("#several-tags", "optim=adam")
    page.click("#several-save")
    expect(page.locator("#checkpoint-trouble")).to_contain_text("3 checkpoints were changed")
    found = {c.name: (c.group, c.tags.get("optim")) for c in zoo.checkpoints()}
    assert found["net3"] == ("sam", None)
    assert {found[f"net{k}"] for k in range(3)} == {("mixed", "adam")}

    expect(page.locator("#library-body .ag-cell", has_text="mixed")).to_have_count(3)
    # What was chosen stays chosen, and the panel with it.
    expect(page.locator("#library-selected")).to_contain_text("3 checkpoints selected")
    expect(page.locator("#library-body .ag-row-selected .ag-cell", has_text="mixed")).to_have_count(3)
    choose(page, "net3", ticked=True)
    choose(page, "net1", "net2", ticked=False)
    expect(page.locator("#library-selected")).to_contain_text("2 checkpoints selected")
    page.click("#several-delete")
    expect(page.locator("#checkpoint-trouble")).to_contain_text("2 of 2 checkpoints were deleted")
    assert {c.name for c in zoo.checkpoints()} == {"net1", "net2"}
    expect(page.locator("#library-count")).to_contain_text("2 checkpoints")
    page.locator("#checkpoint-trouble button").click()
    expect(page.locator("#library-count")).to_contain_text("4 checkpoints")
    assert len(zoo.checkpoints()) == 4

    # What comes back is selected as it was.
    expect(page.locator("#library-selected")).to_contain_text("2 checkpoints selected")
    choose(page, "net0", "net3", ticked=False)
    choose(page, "net1", "net2")
    page.click("text=Compare these")
    page.wait_for_url(re.compile(r"/compare\?checkpoints="))
    expect(page.locator("#ask-count")).to_contain_text("2 chosen")
    # What is not there is told, and the rest is chosen.
    page.goto(page.url + ",99999999,x")
    expect(page.locator(".compare")).to_contain_text("names 2 checkpoints that this project does not have")
    expect(page.locator("#ask-count")).to_contain_text("2 chosen")


def test_groups_are_rows_that_lead_to_their_checkpoints(page: Page, zoo: Project) -> None:
    page.goto(f"/projects/{zoo.id}")
    page.locator(".groups-of-library summary").click()
    rows = page.locator(".library-groups tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("sam")
    expect(rows.nth(0)).to_contain_text("0.250 (0.200 to 0.300)")
    rows.nth(0).locator("text=Compare").click()
    expect(page.locator("#ask-count")).to_contain_text("2 chosen")
    page.go_back()
    page.locator(".groups-of-library summary").click()
    rows.nth(1).locator("th a").click()
    expect(page.locator("#library-count")).to_contain_text("2 of 4 checkpoints")


def test_the_samples_of_a_pair_are_chosen_by_who_is_right(page: Page, zoo: Project) -> None:
    asked = zoo.compare(checkpoints=zoo.checkpoints(), probe="held", measures=["disagreement"]).wait(timeout_s=60)
    a, b = (c.id for c in zoo.checkpoints()[:2])
    told = asked.disagreements(a, b)
    assert told.outcomes is not None
    page.goto(f"/comparison/{asked.id}?tab=pair&a={a}&b={b}")
    expect(page.locator(".outcomes")).to_contain_text(f"{told.outcomes.both_right:,}")
    expect(page.locator(".picture")).to_contain_text("exact McNemar")
    most = told.class_pairs[0]
    page.locator(
        f".confusion a[title^='{most.samples:,} samples: class {most.a} by the first, class {most.b}']"
    ).click()
    page.wait_for_url(re.compile(rf"which={most.a}-{most.b}"))
    expect(page.locator(".chips .here")).to_contain_text(f"class {most.a} against {most.b} ({most.samples:,})")
    page.go_back()
    page.locator(".chips a", has_text="both wrong").click()
    page.wait_for_url(re.compile("which=both-wrong"))
    expect(page.locator(".chips .here")).to_contain_text("both wrong")
    # More samples than fit a page are leafed through, and the address says where.
    page.goto(f"/comparison/{asked.id}?tab=pair&a={a}&b={b}")
    of = f"of {told.total:,}, those"
    assert told.total > len(told.samples)
    expect(page.locator(".picture")).to_contain_text(f"1 to {len(told.samples)} {of}")
    page.get_by_role("link", name="Next").click()
    page.wait_for_url(re.compile(f"skip={len(told.samples)}"))
    expect(page.locator(".picture")).to_contain_text(f"{len(told.samples) + 1} to {2 * len(told.samples)} {of}")
    shown = {s.sample for s in told.samples}
    second = {s.sample for s in asked.disagreements(a, b, offset=len(told.samples)).samples}
    assert not shown & second
    page.get_by_role("link", name="Before").click()
    expect(page.locator(".picture")).to_contain_text(f"1 to {len(told.samples)} {of}")
    page.goto(f"/comparison/{asked.id}?tab=pair&a={a}&b={b}&skip=999999")
    expect(page.locator(".picture")).to_contain_text(f"1 to {len(told.samples)} {of}")
    with pytest.raises(ClientError, match="not part of this comparison"):
        asked.disagreements(a, 10**9)
