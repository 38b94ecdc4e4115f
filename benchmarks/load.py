"""Many at once, on loopback: ``python -m benchmarks.load``.

Starts a real local Kinscape, then at the same time: visitors who open one shared page within a second and go on
looking, uploads of large files, and a running comparison of many networks. Prints the times of each kind of request
and the memory of each process.
"""

import argparse
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from safetensors.numpy import save_file

from benchmarks.scale import samples, server, upload
from kinscape.client import Client, Comparison, Project

MEASURES = ["disagreement", "linear-cka", "weight-cosine"]
# What a visitor looks at, one after the other, and for how long.
LOOKS = 6
PAUSE_S = 1.0
UPLOADS_AT_ONCE = 10
HEAD = "| request | answers | failed | p50 ms | p95 ms | p99 ms | slowest ms |\n|---|---|---|---|---|---|---|"


class Times:
    """Seconds of requests by kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.failed: dict[str, list[str]] = defaultdict(list)

    def take(self, kind: str, call: Callable[[], httpx.Response]) -> httpx.Response | None:
        """Make a request and remember how long it took, or that it failed."""
        began = time.perf_counter()
        try:
            answer = call()
            answer.raise_for_status()
        except httpx.HTTPError as error:
            with self._lock:
                self.failed[kind].append(f"{type(error).__name__} {error}"[:120])
            return None
        with self._lock:
            self.seconds[kind].append(time.perf_counter() - began)
        return answer

    def table(self) -> str:
        """p50, p95, p99 and the slowest of each kind, in milliseconds."""
        lines = [
            "| request | answers | failed | p50 ms | p95 ms | p99 ms | slowest ms |",
            "|---|---|---|---|---|---|---|",
        ]
        for kind in sorted({*self.seconds, *self.failed}):
            found = 1000 * np.array(self.seconds.get(kind, [np.nan]))
            places = " | ".join(f"{np.nanquantile(found, q):.0f}" for q in (0.5, 0.95, 0.99, 1))
            answers, failed = (len(kinds.get(kind, ())) for kinds in (self.seconds, self.failed))
            lines.append(f"| {kind} | {answers} | {failed} | {places} |")
        return "\n".join(lines)


def visit(address: str, comparison: int, times: Times, drawn: list[float]) -> None:
    """Open a link as a browser does, and look at some measures."""
    began = time.perf_counter()
    with httpx.Client(base_url=address.split("/s/", maxsplit=1)[0], timeout=60, follow_redirects=False) as browser:
        opened = times.take("open the link", lambda: _moved(browser.get(f"/s/{address.rsplit('/', 1)[1]}")))
        if opened is None:
            return
        page = opened.headers["location"].split("?")[0]
        browser.headers["Kinscape-Shared-Page"] = page.rsplit("/", 1)[1]
        times.take("page", lambda: browser.get(page))
        place = f"/api/v1/comparisons/{comparison}"
        for kind, path in (
            ("measures", "/api/v1/measures"),
            ("comparison", place),
            ("checkpoints", f"{place}/checkpoints"),
            ("single measures", f"{place}/models"),
        ):
            times.take(kind, lambda path=path: browser.get(path))  # type: ignore[misc]
        for look in range(LOOKS):
            query = {"measure": MEASURES[look % len(MEASURES)], "format": "float32"}
            times.take("matrix", lambda query=query: browser.get(f"{place}/matrix", params=query))  # type: ignore[misc]
            if look == 0:
                drawn.append(time.perf_counter() - began)
            time.sleep(PAUSE_S)
            times.take("progress", lambda: browser.get(f"{place}/progress"))


def _moved(answer: httpx.Response) -> httpx.Response:
    """A redirection is what is wanted here."""
    if answer.status_code == httpx.codes.SEE_OTHER:
        answer.status_code = 200
    return answer


def watch(url: str, times: Times, ended: threading.Event) -> None:
    """What an owner does meanwhile."""
    with httpx.Client(base_url=url, timeout=60) as owner:
        while not ended.is_set():
            times.take("health", lambda: owner.get("/api/v1/health"))
            times.take("projects", lambda: owner.get("/api/v1/projects"))
            time.sleep(0.2)


def large_files(folder: Path, count: int, mebibytes: int) -> list[Path]:
    """State dicts of one matrix each, all different."""
    rng = np.random.default_rng(0)
    out = []
    for k in range(count):
        out.append(folder / f"large{k}.safetensors")
        save_file({"w": rng.standard_normal((mebibytes, 1 << 18), dtype=np.float32)}, out[-1])
    return out


def memory(data: Path) -> dict[str, tuple[int, int]]:
    """Resident MiB now and at most, summed over the processes of each kind."""
    marks = {
        "web": "kinscape.serve",
        "compute workers": "--queues compute",
        "inspection workers": "--queues inspection",
        "Redis": "redis-server",
    }
    found: dict[str, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        try:
            text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (entry / "environ").read_bytes().decode(errors="replace")
            status = (entry / "status").read_text()
        except (OSError, ValueError):
            continue
        if f"KINSCAPE_FILES={data}" not in environment and str(data) not in text:
            continue
        numbers = {name: int(kib) >> 10 for name, kib in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)}
        for kind, mark in marks.items():
            if mark in text and numbers:
                now, most = found.get(kind, (0, 0))
                found[kind] = now + numbers["VmRSS"], most + numbers["VmHWM"]
    return found


def together(
    client: Client, project: Project, shared: Comparison, asked: argparse.Namespace, files: list[Path]
) -> None:
    """Everything at the same time; prints what was measured."""
    address = shared.share().url
    assert address is not None
    times, drawn, ended = Times(), [], threading.Event()
    watcher = threading.Thread(target=watch, args=(client.http.url, times, ended))
    watcher.start()
    ids = [c.id for c in project.checkpoints() if c.name.startswith("n")]
    running = project.compare(checkpoints=ids, probe=project.probes()[0], measures=["js-divergence", "procrustes"])
    uploads = ThreadPoolExecutor(UPLOADS_AT_ONCE)
    began = time.perf_counter()
    sent = [uploads.submit(project.upload_checkpoint, path, wait=False) for path in files]

    def visitor(k: int) -> None:
        time.sleep(k / asked.visitors)
        visit(address, shared.id, times, drawn)

    with ThreadPoolExecutor(asked.visitors) as visitors:
        list(visitors.map(visitor, range(asked.visitors)))
    seen = time.perf_counter() - began
    made = [future.result() for future in sent]
    uploaded = time.perf_counter() - began
    for checkpoint in made:
        project.wait_for(checkpoint.id)
    inspected = time.perf_counter() - began
    running.wait(show=False)
    ended.set()
    watcher.join()
    print(times.table())
    for kind, sentences in times.failed.items():
        print(f"\n{kind}: {sentences[0]}")
    print(f"\nvisitors: {asked.visitors} within a second; first matrix after {np.median(drawn):.2f} s in the middle,")
    print(f"{max(drawn):.2f} s at most; all had left after {seen:.0f} s")
    print(
        f"uploads: {len(files)} of {asked.mebibytes} MiB here after {uploaded:.0f} s, inspected after {inspected:.0f} s"
    )
    print(f"comparison of {len(ids)} networks: {running.status}")


def main() -> None:
    """Measure, and print the tables."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--visitors", type=int, default=50)
    ask.add_argument("--networks", type=int, default=200)
    ask.add_argument("--uploads", type=int, default=10)
    ask.add_argument("--mebibytes", type=int, default=500, help="of each uploaded file")
    ask.add_argument("--port", type=int, default=8961)
    asked = ask.parse_args()
    with tempfile.TemporaryDirectory(prefix="kinscape-load-") as name:
        folder = Path(name)
        files = large_files(folder, asked.uploads, asked.mebibytes)
        with server(folder, asked.port) as client:
            project = client.create_project("load")
            x, y = samples()
            np.savez(folder / "probe.npz", x=x.numpy().reshape(len(x), 1, 4, -1), y=y.numpy())
            project.upload_probe(folder / "probe.npz", name="probe")
            ids, _ = upload(project, folder, range(asked.networks))
            shared = project.compare(checkpoints=ids, probe="probe", measures=[*MEASURES, "accuracy", "nll"])
            shared.wait(show=False)
            print(f"before: {memory(folder / 'data')}")
            together(client, project, shared, asked, files)
            print("\n| process | MiB after | MiB at most |\n|---|---|---|")
            for kind, (now, most) in sorted(memory(folder / "data").items()):
                print(f"| {kind} | {now:,} | {most:,} |")


if __name__ == "__main__":
    main()
