"""From an empty project to a link and a file, with the keys of a keyboard and nothing else."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from kinscape import Client
from tests.conftest import save_networks
from tests.journeys.test_upload_compare_share import drawn

# Presses of Tab after which a reader has given up.
PATIENCE = 150
SAID = """() => {
    const e = document.activeElement;
    if (e === document.body || e.matches("main[tabindex='-1'], section[tabindex='-1']")) return "";
    const labelled = e.id && document.querySelector(`label[for="${CSS.escape(e.id)}"]`);
    const said = [e.getAttribute("aria-label"), e.innerText, labelled?.innerText, e.closest("label")?.innerText,
        e.getAttribute("title"), e.id, e.getAttribute("placeholder"), e.value, e.className];
    return said.filter((s) => typeof s === "string" && s).join(" | ");
}"""
# Whether it is in sight, and looks other than without the focus.
SEEN = """async () => {
    const e = document.activeElement, box = e.getBoundingClientRect();
    const around = [e, e.parentElement, e.nextElementSibling, e.closest(".ag-cell, label, .choice")].filter(Boolean);
    const look = () => around.map((one) => {
        const s = getComputedStyle(one);
        return [s.outlineStyle, s.outlineWidth, s.boxShadow, s.borderColor, s.backgroundColor].join();
    }).join();
    const settled = () => new Promise((done) => setTimeout(done, 160));
    await settled();
    const focused = look();
    e.blur();
    await settled();
    const marked = focused !== look();
    e.focus({ preventScroll: true, focusVisible: true });
    return { inside: box.bottom > 0 && box.top < innerHeight, marked };
}"""


def tab_to(page: Page, wanted: str, *, key: str = "Tab", most: int = PATIENCE) -> None:
    """Press a key until what has the focus says this; it must be in sight and marked when it does."""
    heard = []
    for _ in range(most):
        page.keyboard.press(key)
        said = page.evaluate(SAID)
        heard.append(said.replace("\n", " ")[:60])
        if re.search(wanted, said):
            seen = page.evaluate(SEEN)
            assert seen["inside"], f"{wanted} has the focus out of sight"
            assert seen["marked"], f"nothing shows that {wanted} has the focus"
            return
    pytest.fail(f"{most} times {key} do not reach {wanted!r}: {heard}")


def test_from_nothing_to_a_link_by_keys(page: Page, tmp_path: Path, probe_file: Path) -> None:
    page.set_default_timeout(30_000)
    files = [*save_networks(tmp_path, 3, metadata=False), probe_file]
    # From the beginning: a chooser that comes right after the first wish to see one is missed.
    page.on("filechooser", lambda chooser: chooser.set_files(files))
    page.goto("/")
    page.locator("#page a, #page button").first.wait_for()
    tab_to(page, "New project")
    page.keyboard.press("Enter")
    page.locator("#project-name").wait_for()
    tab_to(page, "project-name")
    page.keyboard.type("by keys")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/projects/\d+$"))
    page.locator("#choose-files").wait_for()

    tab_to(page, "Upload files")
    page.keyboard.press("Enter")
    # The button that goes on has the focus.
    expect(page.locator("#upload-all")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".upload-row .says", has_text="until its architecture is confirmed")).to_have_count(3)
    tab_to(page, "confirm")
    page.keyboard.press("Enter")
    expect(page.locator(".upload-row .says", has_text="ready")).to_have_count(4)
    expect(page.locator("#library-count")).to_contain_text("3 checkpoints, 1 probe set")

    # A checkpoint is renamed in its panel.
    tab_to(page, "Filter checkpoints", key="Shift+Tab")
    tab_to(page, "ag-cell|ag-header")
    for _ in range(6):
        if page.evaluate("document.activeElement.closest('.ag-row') !== null"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator(".checkpoint-panel h3")).to_be_visible()
    tab_to(page, "checkpoint-name")
    page.keyboard.press("Control+a")
    page.keyboard.type("first")
    tab_to(page, "checkpoint-save")
    page.keyboard.press("Enter")
    expect(page.locator(".ag-center-cols-container, .ag-pinned-left-cols-container").first).to_contain_text("first")

    tab_to(page, r"^Compare\b", key="Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-count")).to_contain_text("3 chosen")
    tab_to(page, "Find a measure|find-measure")
    page.keyboard.type("activation dist")
    tab_to(page, "Activation distance")
    page.keyboard.press("Space")
    expect(page.locator("#ask-plan")).to_contain_text("new, 0 known")
    tab_to(page, "ask-run")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/comparison/\d+"))
    expect(page.locator(".comparison-head")).to_contain_text("done", timeout=60_000)

    tab_to(page, "^Matrix")
    page.keyboard.press("Enter")
    page.locator("#matrix-cells[data-drawn]").wait_for()
    tab_to(page, "^Activation distance")
    page.keyboard.press("Enter")
    drawn(page, "activation-distance")
    tab_to(page, r"\| matrix$")
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#selected")).to_contain_text("Activation distance")
    tab_to(page, "Open the pair")
    page.keyboard.press("Enter")
    expect(page.locator("#picture")).to_contain_text("Where they disagree")
    # Back is a key of the browser, which a headless one has not.
    page.go_back()
    drawn(page, "activation-distance")

    tab_to(page, "^PDF")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith("activation-distance.pdf")

    tab_to(page, "^Share", key="Shift+Tab")
    page.keyboard.press("Enter")
    tab_to(page, "Make link")
    page.keyboard.press("Enter")
    expect(page.locator("#share-url")).to_have_value(re.compile(r"/s/"))
    tab_to(page, "Revoke")
    page.keyboard.press("Enter")
    expect(page.locator("#share-list")).to_contain_text("revoked")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_study_by_keys(page: Page, client: Client, networks: list[Path], probe_file: Path) -> None:
    project = client.create_project("study by keys")
    for k, file in enumerate(networks[:4]):
        project.upload_checkpoint(file, architecture="lenet", arguments={"classes": 10}, group="seeds", name=f"s{k}")
    project.upload_probe(probe_file)
    page.goto(f"/projects/{project.id}")
    page.locator("#choose-files").wait_for()
    tab_to(page, "^Studies")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/studies$"))
    page.locator("a[href*='template=seeds']").first.wait_for()
    tab_to(page, "(?i)seeds")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("template=seeds"))
    expect(page.locator("#study-plan p").first).to_be_visible()
    tab_to(page, r"^Run\b")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/study/\d+"))


def test_everything_on_a_page_is_found_by_name(page: Page, client: Client) -> None:
    project = client.create_project("found by name")
    page.goto(f"/projects/{project.id}")
    page.locator("#choose-files").wait_for()
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_contain_text("this list")
    page.keyboard.press("Escape")
    for typed, pattern in (("new project", "/new$"), ("measures", "/measures"), ("studies", "/studies$")):
        page.keyboard.press("Control+k")
        expect(page.locator("#palette-search")).to_be_focused()
        page.keyboard.type(typed)
        expect(page.locator("#palette-0")).to_be_visible()
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(pattern))
        page.locator("#page h1").first.wait_for()


def test_what_comes_while_the_palette_is_open_is_found(page: Page, client: Client) -> None:
    project = client.create_project("found late")
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        if "..header.children." in (route.request.post_data or ""):
            waiting.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", hold)
    page.goto(f"/projects/{project.id}")
    page.locator("#choose-files").wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("new project")
    expect(page.get_by_text("Nothing here is called that.")).to_be_visible()
    for route in waiting:
        route.continue_()
    expect(page.locator("#palette-0")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/new$"))
