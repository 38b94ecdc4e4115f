"""The main path in a browser: drop files, compare, explore, share, open the link elsewhere, revoke."""

import base64
import contextlib
import re
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as NotThere

from kinscape import Client
from tests.conftest import Server, save_networks


def drop(page: Page, files: list[Path]) -> None:
    """Drop files on the library as a hand would: after the page is drawn."""
    page.locator("#drop-target").wait_for()
    sent = [{"name": f.name, "data": base64.b64encode(f.read_bytes()).decode()} for f in files]
    page.evaluate(
        """sent => {
            const carried = new DataTransfer();
            for (const one of sent) {
                const bytes = Uint8Array.from(atob(one.data), c => c.charCodeAt(0));
                carried.items.add(new File([bytes], one.name));
            }
            for (const kind of ["dragover", "drop"]) {
                const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried });
                document.getElementById("drop-target").dispatchEvent(event);
            }
        }""",
        sent,
    )


def drawn(page: Page, measure: str) -> Locator:
    """The matrix of a measure, once its pixels are there."""
    cells = page.locator("#matrix-cells")
    expect(cells).to_have_attribute("data-drawn", re.compile(rf"^{re.escape(measure)}[ @]"))
    return cells


def select_a_cell(page: Page, row: int, column: int) -> None:
    """Click a cell of the matrix."""
    over = page.locator("#matrix-over")
    x, y, cell = (float(over.get_attribute(f"data-{name}") or 0) for name in ("x", "y", "cell"))
    over.click(position={"x": x + (column + 0.5) * cell, "y": y + (row + 0.5) * cell})
    expect(page).to_have_url(re.compile(r"a=\d+&b=\d+"))


def test_from_files_to_a_link_that_a_colleague_opens(
    page: Page, browser: Browser, server: Server, client: Client, tmp_path: Path, probe_file: Path
) -> None:
    page.set_default_timeout(30_000)
    page.goto("/new")
    page.fill("#project-name", "journey <b>bold</b>")
    page.click("#project-create")
    page.wait_for_url(re.compile(r"/projects/\d+$"))
    expect(page.locator(".empty")).to_contain_text("No checkpoints yet")

    drop(page, [*save_networks(tmp_path, 3, metadata=False), probe_file])
    page.locator(".upload-fields input").first.fill("seeds")
    page.locator(".upload-fields input").nth(1).fill("net_seed{seed}_{optim}")
    expect(page.locator(".upload-row .own > summary").first).to_have_text("group seeds · seed=0 · optim=sgd")
    page.click("#upload-all")
    expect(page.locator(".upload-row .says", has_text="until its architecture is confirmed")).to_have_count(3)
    page.locator("button.confirm").first.click()
    expect(page.locator(".upload-row .says", has_text="ready")).to_have_count(4)
    expect(page.locator("#library-count")).to_contain_text("3 checkpoints, 1 probe set")
    expect(page.locator(".ag-center-cols-container")).to_contain_text("seed=1 optim=sgd")

    page.click("text=Compare >> nth=0")
    expect(page.locator("#ask-count")).to_contain_text("3 chosen")
    page.check("input[value='activation-distance']")
    expect(page.locator("#ask-plan")).to_contain_text("12 cells new, 0 known")
    page.click("#ask-run")
    page.wait_for_url(re.compile(r"/comparison/\d+"))
    expect(page.locator(".comparison-head")).to_contain_text("done", timeout=60_000)
    expect(page.locator(".answers")).to_contain_text("most alike")

    page.locator("#tabs").get_by_text("Matrix").click()
    page.locator(".choice-link", has_text="Activation distance").click()
    drawn(page, "activation-distance")
    page.locator(".choice-link", has_text="Disagreement").click()
    expect(page).to_have_url(re.compile("measure=disagreement"))
    drawn(page, "disagreement")
    select_a_cell(page, 1, 0)
    expect(page.locator("#selected")).to_contain_text("Linear CKA")
    page.click("text=Open the pair")
    expect(page.locator("#picture")).to_contain_text("Where they disagree")
    expect(page.locator("#picture .sample img").first).to_be_visible()
    seen = page.evaluate("location.search")
    title = page.locator("#picture h2").first.inner_text()

    page.go_back()
    drawn(page, "disagreement")
    expect(page.locator("#selected")).to_contain_text("Linear CKA")
    page.go_forward()
    expect(page.locator("#picture h2").first).to_have_text(title)

    page.click("#share-open")
    page.click("#share-make")
    link = page.locator("#share-url").input_value()
    guest_context = browser.new_context(viewport={"width": 1440, "height": 900})
    guest = guest_context.new_page()
    guest.goto(link)
    assert guest.evaluate("location.search") == seen
    expect(guest.locator("#picture h2").first).to_have_text(title)
    expect(guest.locator("#picture .sample img").first).to_be_visible()
    expect(guest.locator("#share-open")).to_have_count(0)
    expect(guest.locator(".comparison-head")).to_contain_text("read only")

    page.get_by_role("button", name="Revoke").first.click()
    expect(page.locator("#share-list")).to_contain_text("revoked")
    # Without a click: the page asks every second whether its link still opens it.
    expect(guest.locator("[data-room='head']")).to_contain_text("does not open anything any longer")
    gone = guest.goto(link)
    assert gone is not None
    assert gone.status == 404
    guest_context.close()


def test_every_page_draws_in_light_dark_and_on_a_phone(
    page: Page, browser: Browser, server: Server, client: Client, networks: list[Path], probe_file: Path
) -> None:
    client.create_project("a-name-without-a-single-blank-" * 6)
    project = client.create_project("pages")
    models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks[:3]]
    comparison = project.compare(
        checkpoints=models, probe=project.upload_probe(probe_file), measures=["disagreement", "linear-cka", "accuracy"]
    ).wait(timeout_s=60)
    pair = f"a={models[0].id}&b={models[1].id}"
    paths = [
        "/",
        f"/projects/{project.id}",
        f"/projects/{project.id}/compare",
        f"/projects/{project.id}/comparisons",
        "/measures",
    ]
    paths += [
        f"/comparison/{comparison.id}?tab={t}&{pair}"
        for t in ("summary", "matrix", "multiples", "map", "models", "groups", "pair", "layers", "log")
    ]
    page.goto("/")
    expect(page.locator(".mini-link").first).to_be_visible()
    for path in paths:
        page.goto(path)
        expect(page.locator("#page h1, #page h2").first).to_be_visible()
        expect(page.locator(".trouble")).to_have_count(0)
    phone = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", base_url=server.url)
    small = phone.new_page()
    for path in paths:
        small.goto(path)
        expect(small.locator("#page h1, #page h2").first).to_be_visible()
        small.wait_for_timeout(300)
        assert small.evaluate("document.documentElement.scrollWidth") <= 391, path
    assert small.evaluate("document.documentElement.getAttribute('data-mantine-color-scheme')") == "dark"
    phone.close()


def test_pointing_at_a_name_shows_the_card_of_the_measure(
    page: Page, client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("cards")
    models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks[:2]]
    comparison = project.compare(
        checkpoints=models, probe=project.upload_probe(probe_file), measures=["disagreement", "linear-cka"]
    ).wait(timeout_s=60)
    card = page.locator("#pointed-card")
    page.goto(f"/comparison/{comparison.id}?tab=matrix")
    expect(card).to_be_hidden()
    page.locator(".choice-link", has_text="Linear CKA").hover()
    expect(card).to_be_visible()
    for part in ("linear-cka", "Reliable from", "Source", "Ignores", "Kornblith"):
        expect(card).to_contain_text(part)
    room = card.bounding_box()
    assert room is not None
    page.mouse.move(room["x"] + 20, room["y"] + 20)
    page.wait_for_timeout(500)
    expect(card).to_be_visible()
    page.mouse.move(1400, 20)
    expect(card).to_be_hidden()
    page.locator(".choice-link", has_text="Linear CKA").click()
    drawn(page, "linear-cka")
    page.wait_for_timeout(600)
    expect(card).to_be_hidden()
    page.mouse.move(1400, 20)
    page.locator(".choice-link", has_text="Linear CKA").hover()
    expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.locator(".choice-link", has_text="Linear CKA").focus()
    page.keyboard.press("Shift+Tab")
    expect(card).to_be_visible()
    expect(card).to_contain_text("Fort et al. 2019")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "pointed-card"
    room = card.bounding_box()
    assert room is not None
    assert room["x"] >= 0
    assert room["y"] >= 0
    assert room["x"] + room["width"] <= 1440
    page.goto(f"/projects/{project.id}/compare")
    page.locator(".choice", has_text="Hellinger distance").locator("label").hover()
    expect(card).to_contain_text("Le Cam & Yang 2000")
    # What scrolls under a resting pointer is pointed at.
    page.mouse.move(1400, 20)
    page.locator("#find-measure").focus()
    for count in range(32):
        page.keyboard.press("Tab")
        if count < 18:
            continue
        # By now the page scrolls to what has the focus.
        focused = page.evaluate("document.activeElement.closest('.choice').querySelector('[data-card]').dataset.card")
        expect(card).to_be_visible()
        expect(card.locator("code")).to_have_text(focused)
    page.locator("#find-measure").fill("yang hellinger")
    expect(page.locator(".choice:not([hidden])", has_text="Hellinger distance")).to_be_visible()
    expect(page.locator(".choice:not([hidden])", has_text="Total variation")).to_have_count(0)


def test_large_scripts_come_only_to_pages_that_draw_with_them(
    page: Page, client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("scripts")
    models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks[:2]]
    comparison = project.compare(
        checkpoints=models, probe=project.upload_probe(probe_file), measures=["disagreement", "ece"]
    ).wait(timeout_s=60)
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))

    def large() -> set[str]:
        return {u.split("?")[0].rsplit("/", 1)[1] for u in asked if "plotly" in u or "dash_ag_grid" in u}

    page.goto(f"/comparison/{comparison.id}")
    expect(page.locator("#matrix-cells")).to_be_visible()
    assert large() == set()
    page.locator("#tabs").get_by_text("Curves").click()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    assert large() == {"plotly-cartesian.min.js"}
    page.locator(".places").get_by_text("Library").click()
    expect(page.locator(".ag-center-cols-container .ag-row")).to_have_count(2)
    assert "dash_ag_grid.min.js" in large()


def select(page: Page, name: str) -> None:
    """Choose a row of the library; a click before the table listens is one of somebody in a hurry."""
    for _ in range(5):
        page.locator(".ag-cell", has_text=name).first.click()
        with contextlib.suppress(NotThere):
            page.locator(".checkpoint-panel h3", has_text=name).wait_for(timeout=4_000)
            return


def test_a_checkpoint_is_confirmed_edited_and_deleted_from_the_library(page: Page, tmp_path: Path) -> None:
    """Also long after it was dropped: what was proposed then is still offered."""
    page.set_default_timeout(30_000)
    page.goto("/new")
    page.fill("#project-name", "panel")
    page.click("#project-create")
    page.wait_for_url(re.compile(r"/projects/\d+$"))
    drop(page, save_networks(tmp_path, 1, metadata=False))
    page.click("#upload-all")
    expect(page.locator(".upload-row .says", has_text="until its architecture is confirmed")).to_have_count(1)
    page.reload()
    select(page, "net_seed0_sgd")
    expect(page.locator(".checkpoint-panel")).to_contain_text("weights only")
    page.click("#checkpoint-confirm")
    expect(page.locator("#library-body")).not_to_contain_text("weights only")
    select(page, "net_seed0_sgd")
    expect(page.locator(".checkpoint-panel")).to_contain_text("unverified")
    page.fill("#checkpoint-name", "renamed")
    page.fill("#checkpoint-tags", "seed=0")
    page.click("#checkpoint-save")
    expect(page.locator("#library-body")).to_contain_text("renamed")
    select(page, "renamed")
    page.click("#checkpoint-delete")
    expect(page.locator("#library-body")).to_contain_text("No checkpoints yet")
