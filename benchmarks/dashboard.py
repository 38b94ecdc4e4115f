"""A comparison's page in headless Chromium, by numbers of checkpoints: ``python -m benchmarks.dashboard``.

Starts a real local Kinscape, uploads so many small perceptrons in five groups, compares them by three measures of pairs
and three of single models, and drives the page as a reader would. Every time is from the hand's action until the
pixels are there (``data-drawn``, ``data-selected``).
"""

import argparse
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.scale import samples, server, upload
from kinscape import Client
from kinscape.client import Comparison, Project

PAIRS = ["disagreement", "linear-cka", "js-divergence"]
SINGLE = ["accuracy", "ece", "nll"]
# What is asked of a thousand checkpoints, which are computed in minutes then: one of each kind.
QUICK_PAIRS, QUICK_SINGLE = PAIRS[:1], SINGLE[:1]
GROUPS = 5
TURNS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Waits in the page itself: asking from outside would add its own pace to every time.
UNTIL = """([test, act]) => new Promise((done) => {
    const began = performance.now();
    const holds = new Function("return " + test);
    const look = () => {
        const since = performance.now() - began;
        if (holds() || since > 60000) done(since);
        else requestAnimationFrame(look);
    };
    new Function(act)();
    look();
})"""


@dataclass
class Table:
    """Lines of the result."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, value: str, aim: str = "") -> None:
        """One line, told at once."""
        self.rows.append((what, value, aim))
        print(f"{what}: {value}" + (f" (aim {aim})" if aim else ""), flush=True)

    def markdown(self) -> str:
        """As it stands in RESULTS.md."""
        lines = [f"| {a} | {b} | {c} |" for a, b, c in self.rows]
        return "\n".join(["| | measured | aim |", "|---|---|---|", *lines])


def filled(client: Client, folder: Path, count: int, measures: list[str]) -> Comparison:
    """A finished comparison of so many perceptrons."""
    project: Project = client.create_project(f"dashboard {count}")
    x, y = samples()
    np.savez(folder / "samples.npz", x=x.numpy(), y=y.numpy())
    probe = project.upload_probe(folder / "samples.npz")
    ids, seconds = upload(project, folder, range(count))
    print(f"  {count} files in {seconds:.0f} s", flush=True)
    for k, number in enumerate(ids):
        client.http.patch(f"/checkpoints/{number}", {"group": f"group {k % GROUPS}"})
    comparison = project.compare(checkpoints=ids, probe=probe, measures=measures)
    return comparison.wait(show=False)


def drawn(measure: str, order: str = "") -> str:
    """Holds once the matrix of a measure is on the screen."""
    mark = "document.querySelector('#matrix-cells')?.dataset.drawn ?? ''"
    return f"({mark}).startsWith({json.dumps(measure)}) && ({mark}).includes({json.dumps(f' {order}')})"


def opening(browser: Browser, url: str, *, is_warm: bool) -> tuple[float, int, int]:
    """Seconds until the first matrix is drawn, bytes over the wire, bytes of script."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    if is_warm:
        page.goto(url)
        page.wait_for_selector("#matrix-cells[data-drawn]")
        page.close()
        page = context.new_page()
    wire, script = 0, 0
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    kinds: dict[str, str] = {}

    def finished(event: dict[str, Any]) -> None:
        nonlocal wire
        wire += int(event["encodedDataLength"])

    def received(event: dict[str, Any]) -> None:
        nonlocal script
        if kinds.get(event["requestId"]) == "Script":
            script += int(event["dataLength"])

    session.on("Network.responseReceived", lambda e: kinds.update({e["requestId"]: e["type"]}))
    session.on("Network.dataReceived", received)
    session.on("Network.loadingFinished", finished)
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector("#matrix-cells[data-drawn]")
    seconds = time.perf_counter() - began
    page.wait_for_timeout(500)
    context.close()
    return seconds, wire, script


def spread(values: list[float], unit: str = "s", digits: int = 2) -> str:
    """Median and worst."""
    return f"{median(values):.{digits}f} {unit} (worst {max(values):.{digits}f})"


def changes(page: Page, table: Table, count: int, *, is_quick: bool) -> None:
    """Times of what a reader does on an open page, in milliseconds."""
    aim = "150 ms" if count <= 100 else "400 ms"

    def timed(what: str, turns: list[tuple[str, str]]) -> None:
        times = []
        for test, act in turns * TURNS:
            times.append(float(page.evaluate(UNTIL, [test, act])))
            page.wait_for_timeout(60)
        table.add(f"{count}: {what}", spread(times[len(turns) :], "ms", 0), aim)

    def click(text: str) -> str:
        return f"[...document.querySelectorAll('a')].find((a) => a.textContent === {json.dumps(text)}).click()"

    def choose(name: str, value: str) -> str:
        return (
            f"const s = document.querySelector('select[name={name}]'); s.value = {json.dumps(value)};"
            "s.dispatchEvent(new Event('change', { bubbles: true }))"
        )

    page.wait_for_selector("select[name=order]")
    if not is_quick:
        timed("measure", [(drawn(PAIRS[1]), click("Linear CKA, unbiased")), (drawn(PAIRS[0]), click("Disagreement"))])
    timed(
        "order",
        [(drawn(PAIRS[0], "group"), choose("order", "group")), (drawn(PAIRS[0], "alike"), choose("order", "alike"))],
    )
    colours = "document.querySelector('#matrix-cells').dataset.colours.startsWith({})"
    timed(
        "colours",
        [
            (colours.format("'rank'"), choose("scale", "rank")),
            (colours.format("'fixed'"), choose("scale", "fixed")),
        ],
    )
    picked = "document.querySelector('#matrix-over').dataset.selected !== '0 0'"
    free = "document.querySelector('#matrix-over').dataset.selected === '0 0'"
    press = (
        "const o = document.querySelector('#matrix-over'), r = o.getBoundingClientRect(), d = o.dataset;"
        "const at = (p, k) => r[p] + Number(d[p === 'left' ? 'x' : 'y']) + (k + .5) * Number(d.cell);"
        "const go = (n) => o.dispatchEvent(new PointerEvent(n, { bubbles: true, clientX: at('left', 3),"
        " clientY: at('top', 9), button: 0 })); go('pointerdown'); go('pointerup')"
    )
    timed("select a cell", [(picked, press), (free, press)])
    timed(
        "tab",
        [
            ("document.querySelector('.model-table') !== null", click("Models")),
            (drawn(PAIRS[0]), click("Matrix")),
        ],
    )
    hover = (
        "const o = document.querySelector('#matrix-over'), r = o.getBoundingClientRect();"
        "o.dispatchEvent(new PointerEvent('pointermove', { bubbles: true,"
        " clientX: r.left + Number(o.dataset.x) + (%d + .5) * Number(o.dataset.cell),"
        " clientY: r.top + Number(o.dataset.y) + 3 }))"
    )
    times = []
    for k in range(3, 23):
        before = page.evaluate("document.querySelector('.hover-card')?.textContent ?? ''")
        test = f"(document.querySelector('.hover-card')?.textContent ?? '') !== {json.dumps(before)}"
        times.append(float(page.evaluate(UNTIL, [test, hover % k])))
    table.add(f"{count}: hover", spread(times, "ms", 0), "50 ms")


def requests(comparison: Comparison, table: Table, count: int, pid: int) -> None:
    """What the server takes for a matrix, groups, and for others meanwhile."""
    pairs = [m.key for m in comparison.details.measures if m.key in PAIRS]
    base = comparison.url.rsplit("/comparison/", 1)[0]
    place = f"{base}/api/v1/comparisons/{comparison.id}"

    def seconds(path: str, times: int) -> list[float]:
        out = []
        for k in range(times):
            began = time.perf_counter()
            httpx.get(f"{place}/{path.format(pairs[k % len(pairs)])}", timeout=120).raise_for_status()
            out.append(time.perf_counter() - began)
        return out

    matrix = "matrix?format=float32&measure={}"
    table.add(f"{count}: first read of a matrix", spread(seconds(matrix, 3)))
    table.add(f"{count}: matrix, p95", f"{1000 * quantiles(seconds(matrix, 40), n=20)[-1]:.0f} ms", "100 ms")
    table.add(f"{count}: groups", spread(seconds("groups?measure={}", 3)), "1 s")
    table.add(f"{count}: answer", spread(seconds("answer", 3)))
    others: list[float] = []
    with_company(lambda: seconds(matrix, 60), lambda: others.append(once(f"{base}/api/v1/projects")))
    table.add(f"{count}: other requests meanwhile, p95", f"{1000 * quantiles(others, n=20)[-1]:.0f} ms", "100 ms")
    table.add(f"{count}: web process", f"{resident_mb(pid):.0f} MB", "500 MB")


def with_company(work: Callable[[], Any], other: Callable[[], None]) -> None:
    """Do one thing over and over while another is done."""
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        other()
        time.sleep(0.02)


def once(url: str) -> float:
    """Seconds of one request."""
    began = time.perf_counter()
    httpx.get(url, timeout=60).raise_for_status()
    return time.perf_counter() - began


def resident_mb(pid: int) -> float:
    """Memory that a process holds now."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def web_process(port: int) -> int:
    """The process that serves."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"kinscape.serve" in command and f"KINSCAPE_PORT={port}".encode() in environment:
            return int(entry.name)
    raise RuntimeError("no web process was found")


def measured(browser: Browser, client: Client, folder: Path, count: int, port: int, *, is_quick: bool) -> Table:
    """All lines for one number of checkpoints."""
    table = Table()
    measures = [*QUICK_PAIRS, *QUICK_SINGLE] if is_quick else [*PAIRS, *SINGLE]
    comparison = filled(client, folder, count, measures)
    url = f"{comparison.url}?tab=matrix"
    first = "2.0 s" if count <= 100 else "1.5 s"
    cold = [opening(browser, url, is_warm=False) for _ in range(3)]
    table.add(f"{count}: first matrix, cold", spread([c[0] for c in cold]), first)
    warm = [opening(browser, url, is_warm=True) for _ in range(3)]
    table.add(f"{count}: first matrix, warm", spread([w[0] for w in warm]), "1.0 s")
    link = comparison.share(view="tab=matrix").url
    assert link is not None
    shared = [opening(browser, link, is_warm=False)[0] for _ in range(3)]
    table.add(f"{count}: shared link", spread(shared), "1.5 s")
    table.add(f"{count}: over the wire, cold", f"{statistics.median(c[1] for c in cold) / 1e6:.2f} MB")
    table.add(f"{count}: script, raw", f"{statistics.median(c[2] for c in cold) / 1e6:.2f} MB", "3 MB")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#matrix-cells[data-drawn]")
    changes(page, table, count, is_quick=is_quick)
    context.close()
    requests(comparison, table, count, web_process(port))
    return table


def library(browser: Browser, client: Client, folder: Path, count: int) -> Table:
    """The library of a project of so many checkpoints: drawn, filtered, with one selected."""
    table = Table()
    project = client.create_project(f"library {count}")
    ids, seconds = upload(project, folder, range(count))
    print(f"  {len(ids)} files in {seconds:.0f} s", flush=True)
    url = f"{client.http.url}/projects/{project.id}"
    times = []
    for _ in range(4):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        began = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_selector(".ag-row", timeout=60_000)
        times.append(time.perf_counter() - began)
        if len(times) < 4:
            context.close()
    # The first fills caches of the server that any visitor before has filled.
    table.add(f"library of {count}: rows drawn", spread(times[1:]), "1.5 s")
    began = time.perf_counter()
    page.locator("#library-filter").fill("name~n0001")
    page.wait_for_function(
        "document.querySelectorAll('.ag-center-cols-container .ag-row').length === 1", timeout=60_000
    )
    table.add(
        f"library of {count}: filtered, 0.25 s of waiting for the next letter included",
        f"{time.perf_counter() - began:.2f} s",
    )
    began = time.perf_counter()
    page.locator(".ag-center-cols-container .ag-row").first.click()
    page.locator(".checkpoint-panel h3").wait_for()
    table.add(f"library of {count}: a row selected", f"{time.perf_counter() - began:.2f} s")
    context.close()
    return table


def main() -> None:
    """Print a table for each number of checkpoints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, nargs="*", default=[24, 100, 500])
    parser.add_argument("--library", type=int, default=0, help="checkpoints of a library; 0 leaves it out")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_PAIRS[0]} and {QUICK_SINGLE[0]} alone")
    parser.add_argument("--port", type=int, default=8097)
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as name:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        with server(Path(name), given.port) as client:
            for count in given.models:
                folder = Path(name) / str(count)
                folder.mkdir()
                table = measured(browser, client, folder, count, given.port, is_quick=given.quick)
                print(table.markdown(), flush=True)
            if given.library:
                folder = Path(name) / "library"
                folder.mkdir()
                print(library(browser, client, folder, given.library).markdown(), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
