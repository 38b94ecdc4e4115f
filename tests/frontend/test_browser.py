"""What runs in the browser: its types, its own tests, and that it reads addresses as the server does."""

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from kinscape.frontend.view import View

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 400
ADDRESSES = [
    "",
    "?tab=map",
    "?measure=linear-cka&layer=features.3&a=3&b=4",
    "?tab=matrix&order=by%3Ahessian-trace&aside=3,9&zoom=0-4,2-9&sure=fade&columns=landscape",
    "?scale=rank&reading=above-chance&single=rankme&outcome=ece&held=held&g=sgd&h=sam&c=1&d=2",
    "?tab=nothing&a=-1&b=007&scale=loud&aside=1;2&zoom=4&order=loud&colour=red",
    "?measure=" + "x" * 301,
    "?measure=a+b%26c&g=%3Cb%3E",
    "?a=1234567890123456",
    "?a=١",
    "?a=3&a=5",
    "?tab",
    "?measure=",
]


@pytest.fixture(scope="module")
def browser() -> ModuleType:
    """The build of what runs in the browser."""
    spec = importlib.util.spec_from_file_location("browser", ROOT / "build_backend" / "browser.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_types_hold(browser: ModuleType) -> None:
    browser.check()


def test_the_tests_beside_the_sources_pass(browser: ModuleType) -> None:
    assert browser.test() == 0


def test_what_is_served_was_built_from_these_sources(browser: ModuleType) -> None:
    assert browser.is_current(), "python build_backend/browser.py builds it"


def test_an_address_means_the_same_to_browser_and_server(browser: ModuleType, tmp_path: Path) -> None:
    bundled = tmp_path / "view.mjs"
    browser._bundle(ROOT / "frontend/browser/view.ts", bundled, "--platform=node", "--format=esm")
    tabs = ["summary", "matrix", "map"]
    script = (
        f"import {{ parse, query }} from {json.dumps(bundled.as_uri())};"
        f"console.log(JSON.stringify({json.dumps(ADDRESSES)}.map((a) => query(parse(a, {json.dumps(tabs)}).view))))"
    )
    command = [*browser._program("node"), "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    for address, browsers in zip(ADDRESSES, told, strict=True):
        assert View.of(browsers) == View.of(address), address
        assert View.of(address).query() == View.of(browsers).query()


@pytest.mark.parametrize("file", sorted((ROOT / "frontend/browser").glob("*.ts*")), ids=lambda f: f.name)
def test_a_file_is_a_room(file: Path) -> None:
    assert file.read_text().count("\n") <= LONGEST_FILE
