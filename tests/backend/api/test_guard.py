"""On an address that others can reach, nobody gets anything without the owner's token or a link."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request as StarletteRequest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as open_socket

from kinscape import Client
from kinscape.cli import main
from kinscape.frontend.access import Access
from tests.conftest import Server, free_port

TOKEN = "a-token-that-is-long-enough-for-a-test"
OPEN = {"/api/v1/health", "/s/{token}", "/s/{token}/embed"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that listens on every address."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    one = Server(data, free_port(), ["--host", "0.0.0.0"], {"KINSCAPE_TOKEN": TOKEN}).start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def link(guarded: Server, networks: list[Path], probe_file: Path) -> tuple[int, int, str]:
    """A shared comparison, another one, and the link to the first."""
    with Client(guarded.url, TOKEN) as owner:
        project = owner.create_project("guarded")
        models = [project.upload_checkpoint(f, architecture="lenet", arguments={"classes": 10}) for f in networks[:3]]
        probe = project.upload_probe(probe_file)
        shared = project.compare(checkpoints=models, probe=probe, measures=["disagreement"]).wait(timeout_s=60)
        other = project.compare(checkpoints=models[:2], probe=probe, measures=["nll"]).wait(timeout_s=60)
        url = shared.share(view="tab=map", may_export=False).url
        assert url is not None
        return shared.id, other.id, url


def routes(server: Server) -> list[tuple[str, str]]:
    """Every route of the API, and the dashboard's own."""
    with Client(server.url, TOKEN) as owner:
        paths = owner.http.get("/openapi.json")["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    found += [("GET", "/api/v1/openapi.json"), ("GET", "/s/{token}"), ("GET", "/s/{token}/embed")]
    dash = [
        "/",
        "/_dash-layout",
        "/_dash-dependencies",
        "/_reload-hash",
        "/_favicon.ico",
        "/assets/app.js",
        "/_dash-component-suites/dash/deps/react.js",
        "/projects/1",
        "/comparison/1",
        "/shared/1",
        "/docs",
    ]
    return found + [("GET", p) for p in dash] + [("POST", "/_dash-update-component")]


def concrete(path: str) -> str:
    for name in ("project", "checkpoint", "probe", "comparison", "share"):
        path = path.replace(f"{{{name}}}", "1")
    return path.replace("{token}", "abc")


@pytest.mark.fault("every route for those who may not")
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Cookie": "kinscape_owner=wrong; kinscape_share=wrong"}]
)
def test_every_route_is_closed_without_the_token(
    guarded: Server, link: tuple[int, int, str], headers: dict[str, str]
) -> None:
    found = routes(guarded)
    assert len(found) > 40
    for method, path in found:
        answer = httpx.request(method, guarded.url + concrete(path), headers=headers)
        if path in OPEN:
            continue
        assert answer.status_code in (401, 404), (method, path, answer.status_code)
        assert answer.status_code == 401 or path == "/shared/1"
        assert b"guarded" not in answer.content


def test_callbacks_are_closed_without_the_token(guarded: Server) -> None:
    body = {
        "output": "..page.children...header.children..",
        "outputs": [{"id": "page", "property": "children"}],
        "inputs": [{"id": "address", "property": "pathname", "value": "/"}],
        "changedPropIds": ["address.pathname"],
    }
    answer = httpx.post(f"{guarded.url}/_dash-update-component", json=body)
    assert answer.status_code == 401


def test_the_websocket_is_closed_without_the_token(guarded: Server) -> None:
    address = f"ws://127.0.0.1:{guarded.port}/_dash-ws-callback"
    foreign = {"Authorization": f"Bearer {TOKEN}", "Origin": "http://elsewhere.example"}
    for headers in ({}, foreign):
        with pytest.raises(InvalidStatus), open_socket(address, additional_headers=headers, open_timeout=5):
            pass


def test_the_printed_address_signs_the_owner_in(guarded: Server) -> None:
    assert TOKEN in guarded.line
    with httpx.Client(base_url=guarded.url, follow_redirects=False) as browser:
        answer = browser.get("/", params={"token": TOKEN})
        assert answer.status_code == 303
        assert "token" not in answer.headers["location"]
        assert browser.get("/").status_code == 200
        assert browser.get("/api/v1/projects").json()[0]["name"] == "guarded"


def test_signing_out_ends_it_in_this_browser(guarded: Server) -> None:
    with httpx.Client(base_url=guarded.url, follow_redirects=False) as browser:
        browser.get("/", params={"token": TOKEN})
        assert browser.get("/").status_code == 200
        assert "signed out" in browser.get("/sign-out").text
        assert browser.get("/").status_code == 401


def test_numbers_for_prometheus_need_the_token(guarded: Server, link: tuple[int, int, str]) -> None:
    assert httpx.get(f"{guarded.url}/metrics").status_code == 401
    answer = httpx.get(f"{guarded.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.headers["content-type"].startswith("text/plain")
    found = {f.name: f for f in text_string_to_metric_families(answer.text)}
    jobs = {(s.labels["kind"], s.labels["state"]): s.value for s in found["kinscape_jobs"].samples}
    assert jobs["inspect-checkpoint", "done"] >= 3
    assert sum(s.value for s in found["kinscape_workers"].samples) >= 1
    assert {s.labels["kind"]: s.value for s in found["kinscape_things"].samples}["checkpoints"] >= 3
    assert any(s.labels["measure"] == "disagreement" for s in found["kinscape_measure_seconds"].samples)
    assert found["kinscape_stored_bytes"].samples[0].value > 0
    routes = {s.labels["route"] for s in found["kinscape_requests"].samples}
    assert "checkpoints.get" in routes
    # Addresses of links are secrets.
    token = link[2].rsplit("/", 1)[1]
    httpx.get(f"{guarded.url}/s/{token}")
    assert token not in httpx.get(f"{guarded.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text


@pytest.mark.fault("every route for those who may not")
def test_a_link_opens_its_own_comparison_and_nothing_else(guarded: Server, link: tuple[int, int, str]) -> None:
    shared, other, url = link
    token = url.rsplit("/", 1)[1]
    with httpx.Client(base_url=guarded.url, follow_redirects=False) as visitor:
        opened = visitor.get(f"/s/{token}")
        assert opened.status_code == 303
        assert opened.headers["location"].endswith("?tab=map")
        assert opened.headers["referrer-policy"] == "no-referrer"
        assert opened.headers["cache-control"] == "no-store"
        assert visitor.get(opened.headers["location"]).status_code == 200
        matrix = visitor.get(f"/api/v1/comparisons/{shared}/matrix", params={"measure": "disagreement"})
        assert len(matrix.json()["labels"]) == 3
        for summary in ("associations", "agreements"):
            assert visitor.get(f"/api/v1/comparisons/{shared}/{summary}").status_code == 200
            assert visitor.get(f"/api/v1/comparisons/{other}/{summary}").status_code == 403
        for path in (
            "/api/v1/projects",
            f"/api/v1/comparisons/{other}",
            "/api/v1/checkpoints/1",
            "/",
            "/projects/1",
            f"/api/v1/comparisons/{shared}/shares",
            "/api/v1/comparisons",
            f"/api/v1/comparisons/{shared}/export?measure=disagreement",
        ):
            assert visitor.get(path).status_code == 403, path
        assert visitor.post(f"/api/v1/comparisons/{shared}/cancel").status_code == 403
        assert visitor.delete("/api/v1/checkpoints/1").status_code == 403


@pytest.mark.fault("two links in one browser")
def test_two_links_in_one_browser_open_both(guarded: Server, link: tuple[int, int, str]) -> None:
    shared, other, url = link
    with (
        Client(guarded.url, TOKEN) as owner,
        httpx.Client(base_url=guarded.url, follow_redirects=False) as visitor,
    ):
        share = owner.comparison(other).share()
        assert share.url is not None
        pages = [visitor.get("/s/" + address.rsplit("/", 1)[1]).headers["location"] for address in (url, share.url)]
        for page in pages:
            assert visitor.get(page).status_code == 200
        for comparison in (shared, other):
            assert visitor.get(f"/api/v1/comparisons/{comparison}").status_code == 200
        assert visitor.get("/api/v1/projects").status_code == 403
        share.revoke()
        # The other one stays open.
        assert visitor.get(pages[1]).status_code == 404
        assert visitor.get(f"/api/v1/comparisons/{other}").status_code == 403
        assert visitor.get(pages[0]).status_code == 200


def test_a_link_that_was_opened_before_links_had_cookies_of_their_own_stays_open(
    guarded: Server, link: tuple[int, int, str]
) -> None:
    shared, _, url = link
    cookie = {"Cookie": f"kinscape_share={url.rsplit('/', 1)[1]}"}
    assert httpx.get(f"{guarded.url}/api/v1/comparisons/{shared}", headers=cookie).status_code == 200
    number = httpx.get(f"{guarded.url}/api/v1/shared", headers=cookie).json()["id"]
    assert httpx.get(f"{guarded.url}/shared/{number}", headers=cookie).status_code == 200


def test_a_shared_page_asks_as_its_visitor_whoever_holds_the_browser(
    guarded: Server, link: tuple[int, int, str]
) -> None:
    shared, other, url = link
    with httpx.Client(base_url=guarded.url, headers={"Authorization": f"Bearer {TOKEN}"}) as owner:
        number = owner.get(urlsplit(url).path).headers["Location"].split("/")[2].split("?")[0]
        page = {"Kinscape-Shared-Page": number}
        assert owner.get(f"/api/v1/comparisons/{other}").status_code == 200
        assert owner.get(f"/api/v1/comparisons/{shared}", headers=page).status_code == 200
        assert owner.get(f"/api/v1/comparisons/{other}", headers=page).status_code == 403
        for wrong in ("999999", "١", "1/../2", "x" * 5000):
            given = {"Kinscape-Shared-Page": wrong.encode()}
            assert owner.get(f"/api/v1/comparisons/{other}", headers=given).status_code in (401, 403), wrong


def test_wrong_expired_and_revoked_links_look_the_same(guarded: Server, link: tuple[int, int, str]) -> None:
    with Client(guarded.url, TOKEN) as owner:
        share = owner.comparison(link[0]).share()
        assert share.url is not None
        token = share.url.rsplit("/", 1)[1]
        share.revoke()
    answers = [httpx.get(f"{guarded.url}/s/{t}") for t in (token, "wrong", "x" * 150)]
    assert {a.status_code for a in answers} == {404}
    assert len({a.text for a in answers}) == 1


@pytest.mark.fault("requests of other sites, origins that are no address")
def test_requests_from_other_sites_are_refused(server: Server) -> None:
    answer = httpx.post(f"{server.url}/api/v1/projects", json={"name": "x"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert httpx.get(f"{server.url}/api/v1/projects", headers={"Host": "evil.example"}).status_code == 400


def test_answers_carry_a_policy_without_inline_script(server: Server) -> None:
    policy = httpx.get(server.url).headers["content-security-policy"]
    scripts = next(p for p in policy.split(";") if "script-src" in p)
    assert "unsafe-inline" not in scripts
    assert "unsafe-eval" not in scripts


@pytest.mark.fault("another user of the machine reads the token")
def test_the_token_on_disk_is_its_owners_alone(guarded: Server) -> None:
    running = guarded.data / "running.json"
    assert TOKEN in running.read_text()
    assert running.stat().st_mode & 0o077 == 0
    assert guarded.data.stat().st_mode & 0o077 == 0


@pytest.mark.fault("requests of other sites, origins that are no address")
@pytest.mark.parametrize("origin", ["http://[", "null", "", "http://", "http://no host", "javascript:0"])
def test_an_origin_that_is_no_address_is_foreign(server: Server, origin: str) -> None:
    answer = httpx.post(f"{server.url}/api/v1/projects", json={"name": "x"}, headers={"Origin": origin})
    assert answer.status_code == 403


@pytest.mark.fault("guesses of tokens and links")
def test_who_guesses_waits_and_the_owner_does_not(guarded: Server, link: tuple[int, int, str]) -> None:
    with httpx.Client(base_url=guarded.url) as guesser:
        wrong = [{"Authorization": f"Bearer {k}"} for k in range(310)]
        codes = {guesser.get("/api/v1/projects", headers=headers).status_code for headers in wrong}
        assert codes == {401, 429}
        last = guesser.get("/s/wrong")
        assert (last.status_code, last.headers["retry-after"]) == (429, "60")
        assert guesser.get("/api/v1/projects", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    log = (guarded.data / "logs" / "web.log").read_text()
    assert log.count("guard.many_wrong_tokens") == 1
    assert log.count("guard.wrong_token ") == 1


def test_a_view_with_a_part_called_token_opens(guarded: Server, link: tuple[int, int, str]) -> None:
    # An address of its own: that of this machine may have guessed too often in another test.
    address = {"X-Forwarded-For": "203.0.113.11"}
    with httpx.Client(base_url=guarded.url, follow_redirects=True, headers=address) as visitor:
        opened = visitor.get(urlsplit(link[2]).path)
        assert opened.status_code == 200
        assert visitor.get(opened.url.path, params={"tab": "map", "token": "abc"}).status_code == 200


@pytest.mark.fault("wrong cookies of an owner are guesses, too")
def test_cookies_are_counted_as_guesses(guarded: Server) -> None:
    with httpx.Client(base_url=guarded.url) as guesser:
        wrong = [{"Cookie": f"kinscape_owner={k:064x}", "X-Forwarded-For": "203.0.113.9"} for k in range(310)]
        codes = [guesser.get("/api/v1/projects", headers=headers).status_code for headers in wrong]
        assert (codes[0], codes[-1]) == (401, 429)
        address = {"X-Forwarded-For": "203.0.113.9", "Cookie": "kinscape_owner=of-yesterday"}
        assert guesser.get(f"/?token={TOKEN}", headers=address).status_code == 303


def test_what_is_done_on_a_page_is_its_visitors(guarded: Server) -> None:
    with Client(guarded.url, TOKEN) as owner:
        project = owner.create_project("named on a page")
        access = Access(guarded.url)
        asked = StarletteRequest(
            {
                "type": "http",
                "client": ("203.0.113.7", 1234),
                "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
            }
        )
        access.client_of(asked).project(project.name).rename("renamed on a page")
        access.close()
        newest = owner.changes()[0]
        assert (newest.action, newest.client) == ("projects.change", "203.0.113.7")


@pytest.mark.fault("the owner's token is known to somebody: it is changed while the server runs")
def test_the_token_changes_while_the_server_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KINSCAPE_TOKEN", raising=False)
    one = Server(tmp_path / "data", free_port(), ["--host", "0.0.0.0"]).start()
    try:
        first = (one.data / "token").read_text()
        assert first in one.line
        with httpx.Client(base_url=one.url) as browser:
            assert browser.get(f"/?token={first}").status_code == 303
            assert browser.get("/api/v1/projects").status_code == 200
            assert main(["token", "--data", str(one.data), "--new"]) == 0
            told = capsys.readouterr()
            second = told.out.strip()
            assert second != first
            assert f"token={second}" in told.err
            assert browser.get("/api/v1/projects").status_code == 401
            assert browser.get("/api/v1/projects", headers={"Authorization": f"Bearer {first}"}).status_code == 401
            assert browser.get(f"/?token={second}").status_code == 303
            assert browser.get("/api/v1/projects").status_code == 200
            # What is no token leaves the one before: a file that is half written, empty, or gone.
            for text in ("a", ""):
                (one.data / "token").write_text(text)
                assert browser.get("/api/v1/projects", headers={"Authorization": "Bearer a"}).status_code == 200
                other = httpx.get(f"{one.url}/api/v1/projects", headers={"Authorization": "Bearer a"})
                assert other.status_code == 401
            (one.data / "token").unlink()
            assert browser.get("/api/v1/projects").status_code == 200
            (one.data / "token").write_text(second)
        # Whoever starts it twice is told the address of today.
        again = Server(one.data, one.port, ["--host", "0.0.0.0"])
        assert again.start().line.endswith(f"token={second}")
        again.close()
    finally:
        one.stop()
    assert main(["token", "--data", str(tmp_path / "nothing")]) == 1
    assert "No token is kept" in capsys.readouterr().err
    (one.data / "token").write_text("")
    assert main(["token", "--data", str(one.data)]) == 1
    assert "is empty" in capsys.readouterr().err
    (one.data / "token").write_bytes(b"\xff\xfe\0 no text")
    assert main(["token", "--data", str(one.data)]) == 1
    assert "cannot be read as a token" in capsys.readouterr().err
    (one.data / "token").write_text("")
    # A server that would start with it says so before anything else.
    assert main(["up", "--data", str(one.data), "--host", "0.0.0.0", "--no-browser"]) == 1
    assert "holds no token of 20 characters" in capsys.readouterr().err


def test_a_token_that_was_given_is_not_changed_in_a_file(guarded: Server, capsys: pytest.CaptureFixture[str]) -> None:
    (guarded.data / "token").write_text("of-another-time-and-long-enough")
    try:
        assert main(["token", "--data", str(guarded.data), "--new"]) == 1
        assert "was given its token by KINSCAPE_TOKEN or --token" in capsys.readouterr().err
        assert (guarded.data / "token").read_text() == "of-another-time-and-long-enough"
    finally:
        (guarded.data / "token").unlink()
