"""The wheel fits beside other packages: one name, ranges, and a client that needs next to nothing."""

import re
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("backend", "worker", "frontend", "migrations", "kinscape", "build_backend")
IMPORT_CPU_S = 0.5


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        ignore = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(folder)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def requirements(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        text = HeaderParser().parsestr(archive.read(name).decode())
    return [Requirement(line) for line in text.get_all("Requires-Dist", [])]


def closure(wheel: Path, extra: str, *, without: frozenset[str] = frozenset()) -> set[str]:
    """Names of everything that the wheel asks for with this extra, and what that asks for."""
    found: set[str] = set()
    waiting = [r for r in requirements(wheel) if r.marker is None or r.marker.evaluate({"extra": extra})]
    while waiting:
        name = re.sub("[-_.]+", "-", waiting.pop().name).lower()
        if name in found or name in without or name == "kinscape":
            continue
        found.add(name)
        needs = [Requirement(line) for line in metadata.requires(name) or []]
        waiting += [r for r in needs if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def environment(folder: Path, names: set[str]) -> Path:
    """A virtual environment that holds these distributions of ours and nothing else; its site-packages."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    for name in names:
        distribution = metadata.distribution(name)
        tops = {f.parts[0] for f in distribution.files or () if f.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            source = Path(str(distribution.locate_file(top)))
            if source.exists() and not (site / top).exists():
                (site / top).symlink_to(source)
    return site


def install(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--no-index"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    python = folder / "bin" / "python"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)


def test_the_wheel_holds_one_name_and_everything_that_runs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {n.split("/", 1)[0] for n in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"kinscape"}
    for needed in (
        "kinscape/backend/api/app.py",
        "kinscape/worker/door/child.py",
        "kinscape/worker/measures/functional/disagreement.py",
        "kinscape/frontend/assets/style.css",
        "kinscape/frontend/assets/vendor/plotly-cartesian.min.js",
        "kinscape/migrations/script.py.mako",
        "kinscape/migrations/versions/0001_initial_tables.py",
    ):
        assert needed in names


def test_the_client_alone_needs_no_torch_and_no_server(wheel: Path, tmp_path: Path) -> None:
    site = environment(tmp_path / "plain", closure(wheel, ""))
    assert "Would install kinscape" not in install(tmp_path / "plain", "--no-deps", str(wheel))
    assert not any((site / name).exists() for name in ("torch", "dash", "celery", "sqlalchemy"))
    code = (
        "import sys, time; from kinscape import Client; from kinscape.client import Project;"
        "print(time.process_time(), sorted({'torch', 'scipy', 'dash', 'sqlalchemy'} & set(sys.modules)))"
    )
    said = min(run(tmp_path / "plain", code).stdout for _ in range(3))
    seconds, loaded = said.split(" ", 1)
    assert loaded.strip() == "[]"
    assert float(seconds) < IMPORT_CPU_S
    missing = run(tmp_path / "plain", "from kinscape import measure")
    assert "pip install 'kinscape[measures]'" in missing.stderr
    command = [tmp_path / "plain" / "bin" / "python", "-m", "kinscape.cli", "migrate"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "pip install 'kinscape[server]'" in done.stderr) == (1, True)


def test_a_torch_that_is_there_stays(wheel: Path, tmp_path: Path) -> None:
    names = closure(wheel, "measures", without=frozenset({"torch"}))
    site = environment(tmp_path / "older", names)
    (site / "torch-2.6.0.dist-info").mkdir()
    (site / "torch-2.6.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.6.0\n")
    said = install(tmp_path / "older", "--dry-run", f"{wheel}[measures]")
    assert [w for line in said.splitlines() if "Would install" in line for w in line.split()[2:]] == ["kinscape-0.1.0"]


def test_only_the_server_is_particular_about_versions(wheel: Path) -> None:
    for requirement in requirements(wheel):
        exact = [s for s in requirement.specifier if s.operator in ("==", "~=")]
        of_server = requirement.marker is not None and any(
            requirement.marker.evaluate({"extra": e}) for e in ("server", "test")
        )
        assert not exact or of_server, str(requirement)
