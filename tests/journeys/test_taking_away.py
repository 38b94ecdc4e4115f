"""What leaves the page: figures as files, and the page itself as one file that opens without a server."""

import csv
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pypdf import PdfReader

from kinscape import Client
from kinscape.client import ClientError, Comparison
from tests.conftest import Server
from tests.journeys.test_upload_compare_share import drawn, select_a_cell

MEASURES = ["disagreement", "linear-cka", "accuracy", "l2-norm"]


@pytest.fixture(scope="module")
def asked(client: Client, networks: list[Path], probe_file: Path) -> Comparison:
    """Four networks, one with a name that would end a script."""
    project = client.create_project("taken away")
    kind = {"architecture": "lenet", "arguments": {"classes": 10}}
    ids = [
        project.upload_checkpoint(f, name=f"n{i}</script><b>", group="g" if i < 2 else "h", **kind)
        for i, f in enumerate(networks[:4])
    ]
    comparison = project.compare(
        checkpoints=ids, probe=project.upload_probe(probe_file), measures=MEASURES, name="taken <away>"
    )
    return comparison.wait(timeout_s=60)


def test_the_page_opens_from_disk_without_asking_anybody(browser: Browser, asked: Comparison, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(asked.page())
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(file.as_uri())
    drawn(page, "disagreement")
    expect(page.locator("h1")).to_have_text("taken <away>")
    expect(page.locator(".answers")).to_contain_text("most alike")
    page.locator("#tabs").get_by_text("Matrix").click()
    page.locator(".choice-link", has_text="Linear CKA").click()
    drawn(page, "linear-cka")
    select_a_cell(page, 1, 0)
    expect(page.locator("#selected")).to_contain_text("</script><b>")
    value = asked.matrix("disagreement").values[1, 0]
    expect(page.locator("#selected .numbers").first).to_contain_text(f"{value:.3f}"[:5])
    page.reload()
    drawn(page, "linear-cka")
    expect(page.locator("#matrix-over")).not_to_have_attribute("data-selected", "0 0")
    page.locator("#tabs").get_by_text("Models").click()
    expect(page.locator(".model-table tbody tr")).to_have_count(4)
    page.go_back()
    drawn(page, "linear-cka")
    assert faults == []
    context.close()


def test_the_page_says_the_hash_of_its_numbers(asked: Comparison) -> None:
    text = asked.page()
    held = json.loads(text.split('id="offline">', 1)[1].split("</script>", 1)[0])
    digest = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
    assert f"SHA-256 of the numbers {digest}" in text


def test_a_page_is_taken_by_those_who_may_export(
    server: Server, client: Client, asked: Comparison, networks: list[Path]
) -> None:
    for may_export, status in ((True, 200), (False, 403)):
        url = asked.share(may_export=may_export).url
        assert url is not None
        number = urlsplit(httpx.get(url).headers["Location"]).path.split("/")[2]
        with httpx.Client(base_url=server.url) as visitor:
            visitor.get(urlsplit(url).path)
            answer = visitor.get(f"/page/{asked.id}", headers={"Kinscape-Shared-Page": number})
        assert answer.status_code == status
    missing = httpx.get(f"{server.url}/page/999999")
    assert missing.status_code == 404
    with pytest.raises(ClientError):
        client.http.request("GET", f"{server.url}/page/999999")


def saved(page: Page, button: Locator, folder: Path) -> Path:
    """The file that a button gives."""
    with page.expect_download() as waiting:
        button.click()
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    return file


def words_of(pdf: Path) -> str:
    """The text of a PDF file of one page, and that its letters are letters."""
    reader = PdfReader(pdf)
    assert len(reader.pages) == 1
    return reader.pages[0].extract_text()


@pytest.mark.parametrize("kind", ["SVG", "PNG", "PDF"])
def test_a_figure_says_what_it_shows(page: Page, asked: Comparison, tmp_path: Path, kind: str) -> None:
    page.goto(f"/comparison/{asked.id}?tab=matrix&measure=linear-cka")
    drawn(page, "linear-cka")
    button = page.locator(".side.left").get_by_role("button", name=kind, exact=True)
    file = saved(page, button, tmp_path)
    assert file.name == f"comparison-{asked.id}-linear-cka.{kind.lower()}"
    if kind == "PNG":
        assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert file.stat().st_size > 20_000
        return
    text = file.read_text() if kind == "SVG" else words_of(file)
    assert "<script" not in text
    for part in ("Linear CKA", "N = ", "linear-cka v", "jackknife", f"/comparison/{asked.id}?tab=matrix"):
        assert part in text, part
    if kind == "SVG":
        assert text.startswith("<svg")
        assert "</script>" not in text
        assert len(re.findall("<rect", text)) > 16


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("view", "told"),
    [
        ("tab=map&measure=linear-cka", ["n3</script><b>", "Linear CKA"]),
        ("tab=scatter", ["L2 norm", "n3</script><b>"]),
        ("tab=multiples", ["Linear CKA", "Disagreement"]),
        ("tab=agreement", ["Linear CKA"]),
    ],
)
def test_every_picture_leaves_as_a_drawing_and_a_page(
    browser: Browser,
    server: Server,
    asked: Comparison,
    tmp_path: Path,
    view: str,
    told: list[str],
    scheme: Literal["light", "dark"],
) -> None:
    context = browser.new_context(base_url=server.url, color_scheme=scheme, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"/comparison/{asked.id}?{view}")
    verbs = page.locator(".middle .figure-verbs").first
    expect(page.locator(".middle .js-plotly-plot svg, .scatter circle, .thumb[data-drawn]").first).to_be_attached()
    files = {
        k: saved(page, verbs.get_by_role("button", name=k.upper(), exact=True), tmp_path) for k in ("svg", "png", "pdf")
    }
    drawing = ElementTree.fromstring(files["svg"].read_text())
    written = " ".join("".join(e.itertext()) for e in drawing.iter("{http://www.w3.org/2000/svg}text"))
    for part in [*told, "taken <away>", f"/comparison/{asked.id}?"]:
        assert part in written, part
    assert "#161b23" not in files["svg"].read_text(), "paper is light"
    assert "rgb(215, 220, 228)" not in files["svg"].read_text(), "ink is dark"
    assert files["png"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "taken <away>" in words_of(files["pdf"])
    context.close()


def test_a_name_that_no_latin_font_writes_is_on_the_page_all_the_same(
    page: Page, client: Client, networks: list[Path], probe_file: Path, tmp_path: Path
) -> None:
    project = client.create_project("names of the world")
    names = ["网络一", "شبكة", "сеть ρ"]
    ids = [
        project.upload_checkpoint(f, name=n, architecture="lenet", arguments={"classes": 10})
        for f, n in zip(networks, names, strict=False)
    ]
    comparison = project.compare(checkpoints=ids, probe=project.upload_probe(probe_file), measures=["linear-cka"])
    comparison.wait(timeout_s=60)
    page.goto(f"/comparison/{comparison.id}?tab=matrix")
    drawn(page, "linear-cka")
    file = saved(page, page.locator(".side.left").get_by_role("button", name="PDF", exact=True), tmp_path)
    assert "сеть ρ" in words_of(file)
    # Each of the two others is an image, drawn at its row and at its column.
    assert len(PdfReader(file).pages[0].images) == 2


def test_tables_leave_for_spreadsheets_papers_and_programs(page: Page, asked: Comparison, tmp_path: Path) -> None:
    exact = asked.table(["accuracy", "l2-norm"]).values
    page.goto(f"/comparison/{asked.id}?tab=models")
    expect(page.locator(".model-table tbody tr")).to_have_count(4)
    files = {
        n: saved(page, page.get_by_role("button", name=n, exact=True), tmp_path) for n in ("CSV", "LaTeX", "Parquet")
    }
    rows = list(csv.DictReader(io.StringIO(files["CSV"].read_text("utf-8"))))
    found = {row["checkpoint"]: float(row["accuracy"]) for row in rows}
    assert found == pytest.approx(dict(zip(asked.labels, exact[:, 0], strict=True)))
    tex = files["LaTeX"].read_text("utf-8")
    assert tex.count("\\\\\n") == 5
    assert f"% source: {page.url.split('/comparison')[0]}/comparison/{asked.id}" in tex
    assert files["Parquet"].suffix == ".parquet"
    assert files["Parquet"].read_bytes()[:4] == files["Parquet"].read_bytes()[-4:] == b"PAR1"
    page.locator("#tabs").get_by_text("Matrix").click()
    drawn(page, "disagreement")
    left = page.locator(".side.left")
    pairs = saved(page, left.get_by_role("button", name="LaTeX", exact=True), tmp_path).read_text("utf-8")
    assert pairs.count("\\\\\n") == 1 + 6, "six pairs of four networks"


def test_tables_of_the_server_leave_with_all_digits(page: Page, asked: Comparison, tmp_path: Path) -> None:
    for tab, file, rows in (("groups", "groups-disagreement", 3), ("associations", "associations", 1)):
        page.goto(f"/comparison/{asked.id}?tab={tab}&measure=disagreement")
        verbs = page.locator("#picture .table-verbs")
        path = saved(page, verbs.get_by_role("button", name="CSV", exact=True), tmp_path)
        assert path.name == f"{file}.csv"
        found = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
        assert len(found) >= rows
        if tab == "groups":
            exact = {(m.a, m.b): m.value for m in asked.groups("disagreement").means}
            assert {(r["a"], r["b"]): float(r["value"]) for r in found if r["value"]} == {
                k: v for k, v in exact.items() if v is not None
            }
    first, second = asked.details.checkpoints[:2]
    page.goto(f"/comparison/{asked.id}?tab=pair&a={first}&b={second}")
    verbs = page.locator("#picture .table-verbs")
    path = saved(page, verbs.get_by_role("button", name="LaTeX", exact=True), tmp_path)
    assert "disagreement" in path.read_text("utf-8")


def test_the_archive_holds_everything_with_its_hash(server: Server, asked: Comparison) -> None:
    answer = httpx.get(f"{server.url}/api/v1/comparisons/{asked.id}/export/archive")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert set(manifest["files"]) | {"manifest.json"} == set(archive.namelist())
        for name, digest in manifest["files"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest, name
        models = list(csv.DictReader(io.StringIO(archive.read("models.csv").decode())))
        held = next(n for n in archive.namelist() if "disagreement" in n)
        cells = list(csv.DictReader(io.StringIO(archive.read(held).decode())))
    assert [c["slug"] for c in manifest["cards"]] == MEASURES
    exact = asked.table(["accuracy"]).values[:, 0]
    assert [float(row["accuracy"]) for row in models] == exact.tolist()
    values = asked.matrix("disagreement").values
    assert [float(c["value"]) for c in cells] == values.ravel().tolist()
