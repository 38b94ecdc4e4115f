"""A real browser."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import Server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Machines that run tests are busy: what is slow there is not wrong.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no chromium on the PATH")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield one
        one.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A fresh private window; the test fails when the page logs an error or asks a stranger."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server.url)
    one = context.new_page()
    faults: list[str] = []
    one.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    one.on("pageerror", lambda e: faults.append(str(e)))
    one.on("request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else faults.append(r.url))
    yield one
    context.close()
    assert faults == []
