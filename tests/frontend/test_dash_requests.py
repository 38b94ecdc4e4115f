"""Forged requests to Dash: an answer below 500, and nothing in the log."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Server

PLACE = {"id": "address", "property": "pathname", "value": "/"}
LAST = {"id": "last-project", "property": "data", "value": None}


def real(server: Server) -> dict[str, Any]:
    """The call that draws the header of the start page."""
    every = httpx.get(f"{server.url}/_dash-dependencies").json()
    wanted = next(c for c in every if c["output"].startswith("..header.children"))
    names = wanted["output"].strip(".").split("...")
    return {
        "output": wanted["output"],
        "outputs": [dict(zip(("id", "property"), n.rsplit(".", 1), strict=True)) for n in names],
        "inputs": [PLACE],
        "state": [LAST],
        "changedPropIds": ["address.pathname"],
    }


def post(server: Server, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    address = f"{server.url}/_dash-update-component"
    return httpx.post(address, content=content, headers={"Content-Type": "application/json"}, timeout=20)


CHANGES: dict[str, dict[str, Any]] = {
    "unknown output": {"output": "nothing.children"},
    "output of another kind": {"output": ["page.children"]},
    "no inputs": {"inputs": []},
    "inputs that are none": {"inputs": [1]},
    "inputs as text": {"inputs": "address"},
    "input without a property": {"inputs": [{"id": "address"}]},
    "input with a list as its id": {"inputs": [{**PLACE, "id": [1]}]},
    "too many inputs": {"inputs": [PLACE, PLACE]},
    "state of another kind": {"state": {"a": 1}},
    "outputs of another kind": {"outputs": 7},
    "changed of another kind": {"changedPropIds": [{"a": 1}]},
    "changed as a number": {"changedPropIds": 3},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_forged_call_is_refused(server: Server, kind: str) -> None:
    answer = post(server, {**real(server), **CHANGES[kind]})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"7", b'"a"', b"{}", b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_call_is_refused(server: Server, body: bytes) -> None:
    assert post(server, body).status_code == 400


def test_a_real_call_is_drawn_and_odd_values_break_nothing(server: Server) -> None:
    asked = real(server)
    answer = post(server, asked)
    assert answer.status_code == 200
    assert "header" in answer.json()["response"]
    page = {
        **asked,
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "state": [
            {"id": "address", "property": "search", "value": ""},
            {"id": "scheme", "property": "data", "value": "light"},
        ],
    }
    assert "page" in post(server, page).json()["response"]
    for value in (None, 7, [], {"a": 1}, "x" * 10_000, "/projects/999999999999999999999999", "/projects/1/compare"):
        for call in (asked, page):
            assert post(server, {**call, "inputs": [{**PLACE, "value": value}]}).status_code < 500


def test_files_of_components_are_served_and_others_are_not_there(server: Server) -> None:
    page = httpx.get(server.url).text
    src = page.split('src="')[1].split('"')[0]
    assert src.startswith("/_dash-component-suites/")
    assert httpx.get(server.url + src).status_code == 200
    for path in ("dash/nothing.js", "nobody/x.js", "dash/deps/%2e%2e/%2e%2e/x.js"):
        assert httpx.get(f"{server.url}/_dash-component-suites/{path}").status_code == 404
