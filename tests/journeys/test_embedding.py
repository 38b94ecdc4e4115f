"""A comparison inside another page: a site that a link is embedded in, and a notebook that knows what is selected."""

import re
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from kinscape import Client
from kinscape.client import Comparison
from kinscape.client.widget import SCRIPT, ComparisonWidget
from tests.conftest import Server


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A test's output is its own."""


@pytest.fixture(scope="module")
def asked(client: Client, networks: list[Path], probe_file: Path) -> Comparison:
    project = client.create_project("embedded")
    kind = {"architecture": "lenet", "arguments": {"classes": 10}}
    ids = [project.upload_checkpoint(f, name=f"n{i}", **kind) for i, f in enumerate(networks[:3])]
    measures = ["disagreement", "linear-cka", "accuracy"]
    comparison = project.compare(checkpoints=ids, probe=project.upload_probe(probe_file), measures=measures)
    return comparison.wait(timeout_s=60)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Another site: its address, and the folder that it serves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", tmp_path
        server.shutdown()


def test_a_site_that_is_allowed_shows_a_link(browser: Browser, asked: Comparison, site: tuple[str, Path]) -> None:
    address, folder = site
    share = asked.share(view="tab=matrix&measure=disagreement")
    assert share.url is not None
    frame = (
        f'<iframe src="{share.url}/embed?tab=matrix&measure=linear-cka&only=picture" width="900" height="700"></iframe>'
    )
    (folder / "wiki.html").write_text(f"<!doctype html><title>Wiki</title>{frame}")
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" and "favicon" not in m.text else None)
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.goto(f"{address}/wiki.html")
    inside = page.frame_locator("iframe")
    cells = inside.locator("#matrix-cells[data-drawn]")
    expect(cells).to_have_attribute("data-drawn", re.compile("^linear-cka"))
    expect(inside.locator(".side.left")).to_be_hidden()
    expect(inside.locator("#tabs")).to_be_hidden()
    assert [f for f in faults if "404" not in f] == []
    share.revoke()
    page.reload()
    expect(inside.locator("body")).to_contain_text("revoked")
    context.close()


def test_without_a_view_of_its_own_the_frame_opens_that_of_the_link(server: Server, asked: Comparison) -> None:
    url = asked.share(view="tab=map&measure=linear-cka").url
    answer = httpx.get(f"{url}/embed")
    assert "&quot;view&quot;: &quot;tab=map&amp;measure=linear-cka&quot;" in answer.text
    assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors http://127.0.0.1:*")
    assert "X-Frame-Options" not in answer.headers
    nowhere = httpx.get(f"{server.url}/comparison/{asked.id}").headers
    assert nowhere["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in nowhere["Content-Security-Policy"]


def test_only_links_that_let_numbers_go_are_embedded(server: Server, asked: Comparison) -> None:
    closed = asked.share(may_export=False).url
    assert httpx.get(f"{closed}/embed").status_code == 403
    masked = asked.share(masked=True).url
    assert httpx.get(f"{masked}/embed").status_code == 403
    wrong = httpx.get(f"{server.url}/s/{'x' * 43}/embed", headers={"X-Forwarded-For": "203.0.113.77"})
    assert wrong.status_code == 404
    assert "does not open anything" in wrong.text


HARNESS = """<!doctype html><title>Notebook</title><div id="cell" style="width:1200px"></div><script type="module">
import widget from "./widget.js";
const model = {
  held: await window.stateOf(), heard: {},
  get(name) { return this.held[name]; },
  set(name, value) { this.held[name] = value; (this.heard["change:" + name] || []).forEach((f) => f()); },
  on(name, f) { (this.heard[name] ||= []).push(f); },
  off(name, f) { this.heard[name] = (this.heard[name] || []).filter((g) => g !== f); },
  save_changes() { window.save({ view: this.held.view, selection: this.held.selection }); },
};
window.model = model;
widget.render({ model, el: document.getElementById("cell") });
</script>"""


def test_a_notebook_knows_what_is_selected(browser: Browser, asked: Comparison, site: tuple[str, Path]) -> None:
    """The widget's two halves, joined by a stand-in for a notebook's messages; what it draws and says is real."""
    address, folder = site
    widget = asked.show(height=700, view="tab=matrix&measure=linear-cka")
    assert isinstance(widget, ComparisonWidget)
    (folder / "widget.js").write_text(SCRIPT)
    (folder / "index.html").write_text(HARNESS)
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    page = context.new_page()
    page.expose_function("stateOf", lambda: {"page": widget.page, "height": widget.height, "view": widget.view})

    def save(state: dict[str, Any]) -> None:
        widget.view, widget.selection = state["view"], state["selection"]

    page.expose_function("save", save)
    page.goto(f"{address}/index.html")
    inside = page.frame_locator("iframe")
    _drawn(inside, "linear-cka")
    seen: list[list[str]] = []
    widget.observe(lambda _: seen.append(widget.selected), names="selection")
    inside.locator(".matrix").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(inside.locator("#matrix-over[data-selected]")).to_be_attached()
    page.wait_for_function("model.held.selection?.selected?.length === 2")
    assert len(widget.selected) == 2
    assert set(widget.selected) <= {"n0", "n1", "n2"}
    assert seen[-1] == widget.selected
    assert widget.selection["measure"] == "linear-cka"
    assert "measure=linear-cka" in widget.view
    page.evaluate("model.set('view', 'tab=matrix&measure=disagreement')")
    _drawn(inside, "disagreement")
    page.wait_for_function("model.held.selection.measure === 'disagreement'")
    assert widget.selected == []
    context.close()


def _drawn(inside: Any, measure: str) -> None:
    expect(inside.locator("#matrix-cells")).to_have_attribute("data-drawn", re.compile(rf"^{measure}\b"))


def test_without_anywidget_the_page_is_shown_alone(asked: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kinscape.client.widget", None)
    shown = asked.show()
    assert shown.__class__.__name__ == "Page"
    assert "srcdoc=" in shown._repr_html_()


def test_a_saved_page_opens_at_its_view(page: Page, browser: Browser, asked: Comparison, tmp_path: Path) -> None:
    page.goto(f"/comparison/{asked.id}?tab=matrix&measure=linear-cka")
    with page.expect_download() as waiting:
        page.locator(".side.left").get_by_role("link", name="Page", exact=True).click()
    file = tmp_path / "page.html"
    waiting.value.save_as(file)
    context = browser.new_context(offline=True)
    away = context.new_page()
    away.goto(file.as_uri())
    _drawn(away, "linear-cka")
    away.locator("#tabs").get_by_text("Summary").click()
    expect(away.locator("#tabs [aria-current]")).to_have_text("Summary")
    away.reload()
    expect(away.locator("#tabs [aria-current]")).to_have_text("Summary")
    context.close()
