"""What leaves the page: figures as files, and the page itself as one file that opens without a server."""

import csv
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

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
    assert asked.show().__class__.__name__ == "Page"
    assert "srcdoc=" in asked.show()._repr_html_()


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


@pytest.mark.parametrize("kind", ["SVG", "PNG"])
def test_a_figure_says_what_it_shows(page: Page, asked: Comparison, tmp_path: Path, kind: str) -> None:
    page.goto(f"/comparison/{asked.id}?tab=matrix&measure=linear-cka")
    drawn(page, "linear-cka")
    with page.expect_download() as waiting:
        page.locator(".side.left").get_by_role("button", name=kind, exact=True).click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    assert file.name == f"comparison-{asked.id}-linear-cka.{kind.lower()}"
    if kind == "PNG":
        assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert file.stat().st_size > 20_000
        return
    text = file.read_text()
    assert text.startswith("<svg")
    assert "</script>" not in text
    for part in ("Linear CKA", "N = ", "linear-cka v", "jackknife", f"/comparison/{asked.id}?tab=matrix"):
        assert part in text, part
    assert len(re.findall("<rect", text)) > 16


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
