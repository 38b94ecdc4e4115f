"""A link for a reviewer: nothing that it opens holds a name."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, expect

from kinscape import Client
from kinscape.client import ClientError
from kinscape.frontend.view import TABS as ALL_TABS
from tests.conftest import Server

SECRETS = ("lovelace", "turing", "babbage", "hopper", "noether", "curie", "kovalevskaya", "ramanujan")
# Every tab there is, also one that is added later; that of a study has a test of its own.
TABS = [tab for tab in ALL_TABS if tab != "study"]


@pytest.fixture(scope="module")
def links(client: Client, networks: list[Path], digits_train: Path, probe_file: Path) -> tuple[str, str, list[int]]:
    """A masked link to a comparison whose every name is a secret, one that shows them, and its checkpoints."""
    project = client.create_project("lovelace lab")
    outside = project.upload_checkpoint(
        networks[5], name="kovalevskaya outside", architecture="lenet", arguments={"classes": 10}
    )
    models = [
        project.upload_checkpoint(
            f,
            name=f"turing {i}",
            group="babbage" if i < 3 else "hopper",
            tags={"noether": f"curie{i}"},
            run=f"ramanujan {i}",
            teacher=outside.name if i == 2 else None,
            parent="turing 0" if i == 1 else None,
            architecture="lenet",
            arguments={"classes": 10},
        )
        for i, f in enumerate(networks[:5])
    ]
    comparison = project.compare(
        checkpoints=models,
        probe=project.upload_probe(probe_file, name="curie samples"),
        train_probe=project.upload_probe(digits_train, name="ramanujan samples", role="train"),
        measures=["disagreement", "linear-cka", "accuracy", "ece", "hessian-trace", "layer-traces"],
        name="lovelace and turing",
    ).wait(timeout_s=180)
    comparison.change(notes="for kovalevskaya")
    with pytest.raises(ClientError, match="no export"):
        client.http.post(f"/comparisons/{comparison.id}/shares", json={"masked": True, "may_export": True})
    masked, plain = comparison.share(masked=True, view="tab=groups&g=babbage&h=hopper").url, comparison.share().url
    assert masked is not None
    assert plain is not None
    return masked, plain, [m.id for m in models]


def told(text: str) -> list[str]:
    return [s for s in SECRETS if s in text.lower()]


def test_no_answer_of_the_api_holds_a_name(server: Server, links: tuple[str, str, list[int]]) -> None:
    masked, plain, ids = links
    pair = f"a={ids[0]}&b={ids[3]}"
    paths = ["", "/checkpoints", "/models", "/answer", "/associations", "/agreements", "/progress", f"/pair?{pair}"]
    paths += [f"/matrix?measure=disagreement{rest}" for rest in ("", "&format=npz", "&format=float32")]
    paths += ["/matrix?measure=disagreement&reading=against-seeds", "/groups?measure=disagreement"]
    paths += ["/contrast?measure=disagreement&a=group+A&b=group+B", "/contrast?measure=disagreement&a=babbage&b=x"]
    paths += [f"/disagreements?{pair}", "/profile?measure=layer-traces", f"/layers?measure=linear-cka&{pair}"]
    paths += ["/matrix?measure=nothing", "/export?measure=disagreement", "/export/archive", "/shares"]
    for link, is_masked in ((masked, True), (plain, False)):
        answer = httpx.get(link)
        place = urlsplit(answer.headers["Location"])
        if is_masked:
            assert told(place.query) == []
        number = place.path.split("/")[2]
        cookies = {f"kinscape_share_{number}": link.rsplit("/", 1)[1]}
        with httpx.Client(base_url=server.url, cookies=cookies, headers={"Kinscape-Shared-Page": number}) as visitor:
            own = visitor.get("/api/v1/shared").json()["comparison"]
            found = {p: visitor.get(f"/api/v1/comparisons/{own}{p}") for p in paths}
        leaks = {p: told(a.content.decode("latin-1")) for p, a in found.items()}
        if is_masked:
            assert {p: s for p, s in leaks.items() if s} == {}
            assert found["/contrast?measure=disagreement&a=group+A&b=group+B"].json()["a"] == "group A"
            assert found["/export/archive"].status_code == 403
        else:
            assert leaks["/checkpoints"], "the secrets are not where this test looks for them"


def test_no_page_of_a_masked_link_shows_a_name(browser: Browser, links: tuple[str, str, list[int]]) -> None:
    masked, _, ids = links
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    answers: list[str] = []
    page.on("response", lambda r: answers.append(r.url + r.text()) if r.request.resource_type == "fetch" else None)
    page.goto(masked)
    expect(page.locator("#picture")).to_contain_text("group A")
    place = page.url.split("?")[0]
    for tab in TABS:
        page.goto(f"{place}?tab={tab}&a={ids[0]}&b={ids[3]}")
        expect(page.locator("[data-room='head']")).to_contain_text("Shared with you")
        page.locator("#matrix-cells[data-drawn], .thumb, .point, .model-table, #picture > *").first.wait_for()
        page.wait_for_timeout(400)
        assert told(page.content() + page.title()) == [], tab
    expect(page.locator("h1")).to_have_text("comparison")
    leaks = [a[:300] for a in answers if told(re.sub(r"https?://\S+", "", a))]
    assert leaks == []
    context.close()


def test_a_shared_study_tells_its_answer_and_no_name(
    browser: Browser, server: Server, client: Client, networks: list[Path], probe_file: Path
) -> None:
    project = client.create_project("lovelace school")
    for i in range(3):
        project.upload_checkpoint(
            networks[i],
            name=f"turing {i}",
            group="babbage",
            tags={"noether": f"curie{i}"},
            architecture="lenet",
            arguments={"classes": 10},
        )
        project.upload_checkpoint(
            networks[3 + i],
            name=f"ramanujan {i}",
            group="hopper",
            teacher=f"turing {i}",
            architecture="lenet",
            arguments={"classes": 10},
        )
    project.upload_probe(probe_file, name="kovalevskaya")
    study = project.study(
        "distillation",
        roles={"teacher": "group:babbage", "student": "group:hopper"},
        probe="kovalevskaya",
        measures=["disagreement"],
        match="noether",
        name="lovelace asks",
    )
    study.preregister()
    study.run().wait(timeout_s=60)
    comparison = study.comparison
    links = {masked: comparison.share(masked=masked, view="tab=study").url for masked in (True, False)}
    for masked, url in links.items():
        assert url is not None
        visitor = httpx.Client(base_url=server.url, follow_redirects=True)
        page = visitor.get(urlsplit(url).path).url.path
        answer = visitor.get(
            f"/api/v1/comparisons/{comparison.id}/study", headers={"Kinscape-Shared-Page": page.split("/")[-1]}
        )
        assert answer.status_code == 200
        assert "student: own − other teachers" in answer.text
        assert bool(told(answer.text)) is not masked
        context = browser.new_context(base_url=server.url)
        opened = context.new_page()
        opened.goto(url)
        expect(opened.locator(".answers .answer").first).to_contain_text("student: own − other teachers")
        expect(opened.locator("#picture")).to_contain_text("Preregistered")
        expect(opened.get_by_role("link", name="Open the study")).to_have_count(0)
        if masked:
            assert told(opened.content()) == []
        context.close()
