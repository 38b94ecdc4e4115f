"""Training runs in the browser: a tab with every measure along their steps, also behind a link."""

from pathlib import Path

import torch
from playwright.sync_api import Page, expect

from kinscape import build
from kinscape.client import Client


def test_every_measure_is_drawn_along_training(page: Page, client: Client, tmp_path: Path, probe_file: Path) -> None:
    project = client.create_project(f"runs {tmp_path.name}")
    members = []
    for run in ("north", "south"):
        for step in (1, 10, 100):
            torch.manual_seed(step + len(run) * (run == "north"))
            torch.save(build("lenet").state_dict(), tmp_path / f"{run}-{step}.pth")
            path = tmp_path / f"{run}-{step}.pth"
            members.append(project.upload_checkpoint(path, run=run, step=step, architecture="lenet"))
    project.upload_probe(probe_file, name="held")
    measures = ["disagreement", "linear-cka", "accuracy", "l2-norm"]
    asked = project.compare(checkpoints=members, probe="held", measures=measures).wait(timeout_s=60)

    page.goto(f"/comparison/{asked.id}?tab=trajectories")
    pictures = page.locator(".curves.along .js-plotly-plot")
    expect(pictures).to_have_count(8)
    expect(page.locator(".picture")).to_contain_text("north (3 steps), south (3 steps)")
    expect(page.locator(".curve").first).to_contain_text("to the run's last step")
    expect(page.locator(".curve").first).to_contain_text("north")
    page.locator(".choice-link", has_text="Linear CKA").click()
    expect(page.locator(".picture > h2").first).to_contain_text("Linear CKA")
    expect(page.locator(".picture > h2").nth(1)).to_contain_text("Measures of single models")
    expect(page.locator(".picture > h2").nth(2)).to_contain_text("Layer by layer: L2 norm")

    page.get_by_label("this number").fill("0")
    passages = page.locator("#passage-found")
    expect(passages.locator("tbody tr")).to_have_count(2)
    expect(passages).to_contain_text("north")
    page.get_by_label("this number").fill("2")
    expect(passages).to_contain_text("not by 100")

    masked = asked.share(masked=True, view="tab=trajectories")
    page.goto(masked.url)
    expect(pictures).to_have_count(8)
    page.get_by_label("this number").fill("0")
    expect(passages.locator("tbody tr")).to_have_count(2)
    expect(page.locator(".picture")).to_contain_text("run 1 (3 steps), run 2 (3 steps)")
    assert "north" not in page.content()

    # The same runs as paths on the map, and from number to number.
    page.goto(f"/comparison/{asked.id}?tab=map")
    expect(page.locator(".trail polyline")).to_have_count(2)
    expect(page.locator(".picture")).to_contain_text("Lines follow training runs")
    page.goto(f"/comparison/{asked.id}?tab=scatter")
    expect(page.locator(".trail polyline")).to_have_count(2)
    expect(page.get_by_label("Across")).to_have_value("accuracy")
    expect(page.locator(".scatter .point")).to_have_count(6)
    page.get_by_label("Across").select_option("disagreement")
    # A number of pairs stands against one of pairs.
    expect(page.get_by_label("Up", exact=True)).to_have_value("linear-cka@penultimate")
    expect(page.locator(".scatter .point")).to_have_count(15)
    assert "x=disagreement" in page.url
    page.get_by_role("button", name="Swap axes").click()
    expect(page.get_by_label("Up", exact=True)).to_have_value("disagreement")
    page.locator(".scatter .point").first.press("Enter")
    expect(page.locator(".scatter .point.chosen")).to_have_count(1)
    assert "a=" in page.url
    assert "b=" in page.url
    page.reload()
    expect(page.get_by_label("Up", exact=True)).to_have_value("disagreement")
    expect(page.locator(".scatter .point.chosen")).to_have_count(1)

    page.goto(f"/comparison/{asked.id}?tab=scatter")
    page.get_by_label("Up", exact=True).select_option("distribution")
    expect(page.locator(".distribution polyline")).to_have_count(1)
    expect(page.locator(".picture")).to_contain_text("all (6, of 2 families)")
    page.get_by_label("Up", exact=True).select_option("l2-norm")
    expect(page.locator(".scatter .point")).to_have_count(6)


def test_cells_like_other_seeds_have_dots(page: Page, client: Client, networks: list[Path], probe_file: Path) -> None:
    project = client.create_project(f"dots {networks[0].parent.name}")
    members = [project.upload_checkpoint(path, group="seeds") for path in networks[:3]]
    members.append(project.derive("quantise", [members[0]], name="copy", bits=8))
    project.upload_probe(probe_file, name="held")
    asked = project.compare(checkpoints=members, probe="held", measures=["disagreement"]).wait(timeout_s=60)
    page.goto(f"/comparison/{asked.id}?tab=matrix&sure=seeds")
    expect(page.locator(".marks").first).to_contain_text("pairs of 3 independent networks of seeds")
    page.goto(f"/comparison/{asked.id}?tab=matrix&sure=seeds&reading=against-seeds")
    expect(page.locator(".marks").first).to_contain_text("Dots stand on raw values")
