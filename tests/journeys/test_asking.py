"""Putting files in and asking for comparisons, as a person does."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from kinscape import Client
from tests.conftest import save_networks
from tests.journeys.test_upload_compare_share import drop
from tests.kinscape.test_file_names import CASES

FAMILY = ("other", "sam-s3-100", "sam-s3-200")


def test_two_batches_wait_for_upload_and_take_names_and_parents(page: Page, client: Client, tmp_path: Path) -> None:
    project = client.create_project("batches")
    files = save_networks(tmp_path, 3, metadata=False)
    page.goto(f"/projects/{project.id}")
    drop(page, files[:1])
    button = page.locator("#upload-all")
    expect(button).to_have_text("Upload 1 file")
    page.wait_for_timeout(1500)
    assert project.checkpoints() == []
    page.get_by_label("Name of net_seed0_sgd.safetensors").fill("first")
    button.click()
    expect(page.locator(".upload-row .says").first).to_contain_text("until its architecture is confirmed")
    drop(page, files[1:])
    expect(button).to_have_text("Upload 2 files")
    page.locator("#upload-sheet > .upload-fields").get_by_label("Parent").fill("first")
    button.click()
    expect(page.locator(".upload-row .says", has_text="until its architecture is confirmed")).to_have_count(3)
    expect(button).to_be_disabled()
    found = {c.name: c for c in project.checkpoints()}
    assert set(found) == {"first", "net_seed1_sgd", "net_seed2_sgd"}
    assert found["net_seed1_sgd"].parent == "first"


def test_lineage_comes_from_names_and_differs_by_file(page: Page, client: Client, tmp_path: Path) -> None:
    project = client.create_project("lineage")
    files = save_networks(tmp_path, 3, metadata=False)
    named = [f.rename(tmp_path / f"{name}.safetensors") for f, name in zip(files, FAMILY, strict=True)]
    page.goto(f"/projects/{project.id}")
    for name, pattern, values in CASES:
        assert page.evaluate("([name, pattern]) => kinscape.valuesIn(name, pattern)", [name, pattern]) == values
    drop(page, named)
    sheet = page.locator("#upload-sheet > .upload-fields")
    sheet.get_by_label("Tags and lineage from file names").fill("{group}-s{seed}-{step}")
    expect(sheet).to_contain_text("other does not fit this pattern")
    sheet.get_by_label("Run").fill("{group}{seed}")
    row = page.locator(".upload-row[data-file='other.safetensors']")
    row.locator(".own > summary").click()
    row.locator(".own").get_by_label("Teacher").fill("sam-s3-200")
    row.locator(".own").get_by_label("Group").fill("kd")
    row.locator(".own").get_by_label("Run").fill("alone")
    expect(row.locator(".own > summary")).to_have_text("group kd · teacher sam-s3-200 · run alone")
    row.locator(".own").get_by_label("Architecture").select_option("lenet")
    page.click("#upload-all")
    # The teacher comes first, though it stands below.
    expect(page.locator(".upload-row .says", has_text="until its architecture is confirmed")).to_have_count(2)
    # Its student after it.
    expect(row.locator(".says")).to_contain_text("ready")
    found = {c.name: c for c in project.checkpoints()}
    taught, early, late = (found[name] for name in FAMILY)
    assert (taught.group, taught.teacher, taught.run, taught.tags) == ("kd", "sam-s3-200", "alone", {})
    assert (late.group, late.run, late.step, late.tags) == ("sam", "sam3", 200, {"seed": "3"})
    assert early.step == 100


def test_a_filter_is_kept_in_the_address_and_changes_nobody(
    page: Page, client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("filters")
    for i, file in enumerate(networks[:4]):
        group = "sam" if i < 2 else "same"
        project.upload_checkpoint(file, name=f"n{i}", group=group, architecture="lenet", arguments={"classes": 10})
    project.upload_probe(probe_file)
    page.goto(f"/projects/{project.id}")
    rows = page.locator(".ag-center-cols-container .ag-row")
    expect(rows).to_have_count(4)
    page.fill("#library-filter", "group:sam")
    expect(rows).to_have_count(2)
    expect(page.locator("#library-count")).to_have_text("2 of 4 checkpoints")
    expect(page).to_have_url(re.compile(r"filter=group%3Asam"))
    page.reload()
    expect(rows).to_have_count(2)
    page.goto(f"/projects/{project.id}/compare")
    expect(page.locator("#ask-count")).to_contain_text("4 chosen")
    page.fill("#ask-filter", "group~sam n3")
    expect(rows).to_have_count(1)
    page.wait_for_timeout(500)
    expect(page.locator("#ask-count")).to_contain_text("4 chosen")
    page.fill("#ask-filter", "")
    expect(rows).to_have_count(4)
    expect(page.locator("#ask-count")).to_contain_text("4 chosen")


def test_sets_chips_and_what_is_wrong_stand_at_the_top(
    page: Page, client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("asking")
    for file in networks[:3]:
        project.upload_checkpoint(file, architecture="lenet", arguments={"classes": 10})
    project.upload_probe(probe_file)
    page.goto(f"/projects/{project.id}/compare")
    chips = page.locator("#ask-chips .chip")
    expect(chips).to_have_count(3)
    page.get_by_role("button", name="Calibration", exact=True).click()
    expect(chips).to_have_count(6)
    expect(page.locator("#ask-plan")).to_contain_text("cells new")
    page.get_by_role("button", name="Calibration", exact=True).click()
    expect(chips).to_have_count(2)
    page.get_by_role("button", name="Drop Linear CKA, unbiased").click()
    expect(chips).to_have_count(1)
    page.get_by_role("button", name="Drop Disagreement").click()
    trouble = page.locator("#ask-trouble")
    expect(trouble).to_contain_text("Choose at least one measure")
    box = trouble.bounding_box()
    assert box is not None
    assert box["y"] < 300
    page.get_by_role("button", name="Weights", exact=True).click()
    page.click("#ask-run")
    page.wait_for_url(re.compile(r"/comparison/\d+"))
    expect(page.locator(".badge.good")).to_have_text("done", timeout=60_000)
    page.get_by_text("Ask for more").click()
    page.wait_for_url(re.compile(r"compare\?like=\d+"))
    expect(page.locator("#ask-chips .chip")).to_have_count(3)
    expect(page.locator("#ask-plan")).to_contain_text("0 cells new")


def test_parameters_are_set_kept_and_asked_again(
    page: Page, client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("parameters")
    for k, file in enumerate(networks[:3]):
        project.upload_checkpoint(file, name=f"n{k}", architecture="lenet", arguments={"classes": 10})
    project.upload_probe(probe_file, name="held")
    project.compare(checkpoints=["n0", "n1"], probe="held", measures=["mutual-knn"], seed=7)
    first = project.comparisons()[0]
    page.goto(f"/projects/{project.id}/compare?like={first.id}")
    form = page.locator("#ask-settings details")
    expect(form).to_have_count(1)
    expect(page.get_by_label("Seed of random draws")).to_have_value("7")
    form.locator("summary").click()
    form.get_by_label("k", exact=True).fill("5")
    # Another measure comes and goes: what was typed stays.
    page.locator(".choice", has_text="negative transfer").locator("input").first.check()
    expect(form).to_have_count(2)
    expect(page.locator("#ask-trouble")).to_contain_text("negative-transfer")
    page.get_by_role("textbox", name="Checkpoints it needs").click()
    page.get_by_role("option", name="n2").click()
    expect(page.locator("#ask-trouble")).not_to_contain_text("negative-transfer")
    expect(page.locator("#ask-settings").get_by_label("k", exact=True)).to_have_value("5")
    page.click("#ask-run")
    page.wait_for_url(re.compile(r"/comparison/\d+"))
    asked = project.comparisons()[0].details
    by_slug = {m.slug: m for m in asked.measures}
    assert by_slug["mutual-knn"].parameters["k"] == 5
    assert asked.seed == 7
    assert len(by_slug["negative-transfer"].references) == 1
    # The next one begins with all of it.
    page.goto(f"/projects/{project.id}/compare?like={asked.id}")
    expect(page.locator("#ask-settings").get_by_label("k", exact=True)).to_have_value("5")
    expect(page.locator("#ask-settings")).to_contain_text("n2")


def test_an_upload_sheet_survives_a_reload_and_another_page(page: Page, client: Client, tmp_path: Path) -> None:
    project = client.create_project("remembered")
    files = save_networks(tmp_path, 2, metadata=False)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/projects/{project.id}")
    drop(page, files)
    page.get_by_label("Name of net_seed0_sgd.safetensors").fill("first")
    page.locator("#upload-sheet > .upload-fields").get_by_label("Parent").fill("nobody")
    row = page.locator(".upload-row[data-file='net_seed1_sgd.safetensors']")
    row.locator(".own > summary").click()
    row.locator(".own").get_by_label("Architecture").select_option("lenet")
    # Another page of the same visit, and back: the files are still there.
    page.get_by_role("link", name="Studies", exact=True).click()
    expect(page.locator("h1")).to_contain_text("Studies")
    page.go_back()
    expect(page.locator("#upload-all")).to_have_text("Upload 2 files")
    page.reload()
    expect(page.locator(".upload-row.missing")).to_have_count(2)
    expect(page.locator("#upload-all")).to_be_disabled()
    expect(page.get_by_label("Name of net_seed0_sgd.safetensors")).to_have_value("first")
    parent = page.locator("#upload-sheet > .upload-fields").get_by_label("Parent")
    expect(parent).to_have_value("nobody")
    row.locator(".own > summary").click()
    expect(row.locator(".own").get_by_label("Architecture")).to_have_value("lenet")
    drop(page, files)
    expect(page.locator(".upload-row")).to_have_count(2)
    parent.fill("")
    page.locator("#upload-all").click()
    waiting = page.locator(".upload-row .says", has_text="until its architecture is confirmed")
    expect(waiting).to_have_count(1)
    # What was sent and waits for a word waits for it still.
    page.reload()
    expect(waiting).to_have_count(1)
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".upload-row .says")).to_contain_text("ready")
    assert {c.name for c in project.checkpoints()} == {"first", "net_seed1_sgd"}
    page.reload()
    expect(page.locator("#library-body")).to_contain_text("first")
    expect(page.locator(".upload-row")).to_have_count(0)


def test_the_same_measures_are_asked_on_other_probe_sets(
    page: Page, client: Client, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    project = client.create_project("several sets")
    for i, file in enumerate(networks[:3]):
        project.upload_checkpoint(file, name=f"n{i}", group="seeds", architecture="lenet", arguments={"classes": 10})
    project.upload_probe(probe_file, name="clean")
    with np.load(probe_file) as held:
        np.savez(tmp_path / "fog.npz", x=np.clip(held["x"] * 0.5 + 0.3, 0, 1).astype(np.float32), y=held["y"])
    project.upload_probe(tmp_path / "fog.npz", name="fog", role="shifted")
    page.goto(f"/projects/{project.id}/compare")
    expect(page.locator("#ask-plan")).to_contain_text("cells new")
    page.locator("#ask-also").click()
    page.get_by_role("option", name="fog").click()
    page.keyboard.press("Escape")
    page.click("#ask-run")
    expect(page.locator("#tabs")).to_be_visible()
    page.locator("#tabs").get_by_text("Matrix", exact=True).click()
    page.locator(".choice-link", has_text="Disagreement on fog").click()
    expect(page.locator("#matrix-cells")).to_have_attribute("data-drawn", re.compile(r"^disagreement\(probe="))
    expect(page.locator(".provenance")).to_contain_text("held-out samples of fog")
    page.goto(f"/projects/{project.id}/studies/new?template=seeds")
    page.locator("#study-also").click()
    page.get_by_role("option", name="fog").click()
    page.keyboard.press("Escape")
    page.click("#study-run")
    expect(page.locator("main")).to_contain_text("Disagreement on fog")
    expect(page.locator("main")).to_contain_text("outputs and features also on fog")
