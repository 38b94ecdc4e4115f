"""The shape of the house: imports, sizes, words, and that the guards bite."""

import ast
import json
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from dash import Dash
from fastapi import FastAPI
from plotly.offline import get_plotlyjs_version

from kinscape.frontend.access import Access
from kinscape.frontend.app import create_dashboard

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("backend", "worker", "frontend", "kinscape", "migrations")
FILES = sorted(f for room in ROOMS for f in (ROOT / room).rglob("*.py") if "versions" not in f.parts)
LONGEST_FILE = 400
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff", "manager", "handler"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_is_a_room(file: Path) -> None:
    text = file.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= LONGEST_FILE
    assert file.stem not in VAGUE
    assert ast.get_docstring(tree), "the first line says what lives here"


def test_the_client_loads_neither_torch_nor_dash_nor_sqlalchemy() -> None:
    code = (
        "import sys, kinscape; from kinscape import Client; Client('http://127.0.0.1:1', '');"
        "print([m for m in ('torch', 'dash', 'sqlalchemy', 'plotly', 'celery', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_backend_loads_no_torch() -> None:
    code = "import sys, kinscape.backend.api.app; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


BAD_IMPORTS = {
    "backend/contracts/bad_example.py": "import sqlalchemy",
    "backend/actions/bad_example.py": "import fastapi",
    "backend/studies/bad_example.py": "from kinscape.backend.store import files",
    "backend/api/bad_example.py": "import torch",
    "worker/measures/bad_example.py": "import time",
    "worker/door/bad_example.py": "import torch",
    "frontend/figures/bad_example.py": "import dash",
    "frontend/bad_example.py": "from kinscape.backend.store import files",
    "kinscape/client/bad_example.py": "import torch",
    "kinscape/upkeep/bad_example.py": "from kinscape.backend.actions import housekeeping",
}


def test_the_import_rules_bite(tmp_path: Path) -> None:
    for room in ROOMS:
        ignored = shutil.ignore_patterns("__pycache__", "vendor", "node_modules")
        shutil.copytree(ROOT / room, tmp_path / room, symlinks=True, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, line in BAD_IMPORTS.items():
        (tmp_path / name).write_text(f'"""A bad example."""\n\n{line}\n')
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = re.sub(r"\s+", " ", done.stdout)
    for name in BAD_IMPORTS:
        module = name.removesuffix(".py").replace("/", ".")
        assert f"kinscape.{module.removeprefix('kinscape.')}" in said, f"{name} went unnoticed"


def test_the_lint_rules_bite(tmp_path: Path) -> None:
    bad = "def f(a, b=True, c=[], *, d=1, e=2, g=3, h=4):\n"
    bad += "    try:\n        print(a)\n    except Exception:\n        pass\n"
    (tmp_path / "bad.py").write_text(bad)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--config",
            str(ROOT / "pyproject.toml"),
            "--output-format",
            "json",
            str(tmp_path / "bad.py"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert {"D103", "FBT002", "B006", "T201", "BLE001", "PLR0913"} <= {f["code"] for f in json.loads(done.stdout)}


def test_the_type_rules_bite(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def f(a):\n    return a\n\n\nx: int = 'one'\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(tmp_path / "bad.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "no-untyped-def" in done.stdout
    assert "assignment" in done.stdout


def test_no_callback_blocks_the_server() -> None:
    app: Dash = create_dashboard(FastAPI(), Access("http://127.0.0.1:1"))
    app._setup_server()
    callbacks = [c["callback"] for c in app.callback_map.values() if "callback" in c]
    assert len(callbacks) >= 12
    for file in (ROOT / "frontend").rglob("*.py"):
        text = file.read_text()
        if file.name != "wiring.py":
            assert "app.callback(" not in text, f"{file}: callbacks are made with `on`"
            assert "clientside_callback" not in text
        assert "to_thread(" not in text, f"{file}: what waits for HTTP has threads of its own (decision 13)"


def test_the_browsers_plotly_is_pythons_plotly() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/plotly.js-cartesian-dist-min"]["version"] == get_plotlyjs_version()
    assert "resolved" not in json.dumps(lock)


def test_the_docs_name_only_files_that_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for name in re.findall(
            r"`((?:backend|worker|frontend|kinscape|migrations|tests|benchmarks|docs)/[\w./-]+)`", page.read_text()
        ):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_torch_is_exact_for_us_and_a_range_for_others() -> None:
    assert metadata.version("torch").split("+")[0] == "2.13.0"
    assert "torch==2.13.0" in (ROOT / "Makefile").read_text()
    assert '"torch>=2.6"' in (ROOT / "pyproject.toml").read_text()
