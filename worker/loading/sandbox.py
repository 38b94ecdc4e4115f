"""Runs the door in a process that can read one file, write one folder, and nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

import kinscape
from kinscape.backend.contracts.probes import ProbeFacts
from kinscape.backend.contracts.uploads import UploadKind
from kinscape.worker.door.refusal import Refusal

# For large files on slow disks.
WALL_S = 120
# Less than the wall clock, so that a busy loop is told from a slow disk.
CPU_S = 100
# What a small file may take, and what a second more must be worth: others wait while one is read.
SMALL_CPU_S = 20
BYTES_PER_CPU_S = 16 << 20
# Address space beside three times the file.
MEMORY_BYTES = 8 << 30
# Headers, the manifest, and what a small file grows by.
SLACK_BYTES = 64 << 20
# Where the package lies; its folders may be links to others.
PACKAGE = Path(kinscape.__file__).parent
BOOT = """
import json, resource, sys
limits, paths, arguments = json.loads(sys.argv[1])
for name, value in limits.items():
    resource.setrlimit(getattr(resource, name), (value, value))
sys.path += paths
sys.argv = ["child", *arguments]
from kinscape.worker.door.child import main
main(arguments[0], arguments[1], kind=arguments[2], pickles=arguments[3] == "yes", wanted=arguments[4])
"""
DAMAGED = "The file could not be read within the limits of time and memory; it is damaged or not a checkpoint."


class Manifest(BaseModel):
    """What the sandbox says of a file that it read.

    Attributes:
        hash: of the content, whatever file it came in.
        tensors: type and shape by name.
        metadata: what the file says of itself.
        tied: tensors that are another one, by name.
        told: sentences that its owner should read.
        facts: of a probe set, what was counted in it.
    """

    model_config = ConfigDict(frozen=True)
    hash: str
    tensors: dict[str, tuple[str, list[int]]]
    has_graph: bool = False
    metadata: dict[str, str] = {}
    tied: dict[str, str] = {}
    told: list[str] = []
    facts: ProbeFacts | None = None


@dataclass(frozen=True)
class OpenedUpload:
    """What the door made of a file: canonical tensors, a manifest, and the graph of a program."""

    tensors: Path
    manifest: Manifest
    graph: Path | None = None


def roots() -> list[Path]:
    """Folders that Python and numpy are loaded from, outermost only."""
    places = {
        Path(sys.base_prefix),
        Path(sys.prefix),
        Path(os.path.realpath(sys.executable)).parent,
        *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")),
    }
    places |= {p.resolve() for p in places}
    outer = [p for p in places if not any(q != p and q in p.parents for q in places)]
    return sorted(p for p in outer if Path("/usr") not in (p, *p.parents))


def bubblewrap(command: list[str], *, source: Path, out: Path) -> list[str]:
    """A command line that runs a command without network, users, other files or capabilities."""
    argv = [
        "bwrap",
        "--unshare-all",
        "--unshare-user",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--hostname",
        "door",
        "--clearenv",
        "--setenv",
        "OPENBLAS_NUM_THREADS",
        "1",
        "--setenv",
        "LC_ALL",
        "C.UTF-8",
        "--ro-bind",
        "/usr",
        "/usr",
        "--ro-bind-try",
        "/etc/ld.so.cache",
        "/etc/ld.so.cache",
    ]
    for name in ("lib", "lib64", "lib32", "bin"):
        place = Path("/", name)
        if place.is_symlink():
            argv += ["--symlink", os.readlink(place), str(place)]
        elif place.is_dir():
            argv += ["--ro-bind", str(place), str(place)]
    for root in roots():
        argv += ["--ro-bind", str(root), str(root)]
    for name in ("__init__.py", "worker/__init__.py", "worker/door"):
        argv += ["--ro-bind", str(PACKAGE / name), str(PACKAGE / name)]
    argv += ["--ro-bind", str(source), str(source), "--bind", str(out), str(out)]
    return [*argv, "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/", "--chdir", str(out), "--", *command]


@cache
def has_sandbox() -> bool:
    """Whether bubblewrap works here, tried once on a harmless file."""
    if shutil.which("bwrap") is None:
        return False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_bytes(b"nothing")
        (folder / "out").mkdir()
        try:
            _run(folder / "in", folder / "out", kind=UploadKind.CHECKPOINT, jailed=True)
        except Refusal:
            return False
        return (folder / "out" / "manifest.json").is_file()


def open_file(source: Path, out: Path, *, kind: UploadKind, wanted: str = "") -> OpenedUpload:
    """Read an uploaded file behind the door.

    Args:
        source: the uploaded file.
        out: an empty folder for what comes out.
        kind: ``checkpoint`` or ``probe``.
        wanted: which set of weights, where a file holds several; the one that is usually meant when left out.

    Raises:
        Refusal: the file cannot be used; the sentence says what to change.
    """
    _run(source, out, kind=kind, jailed=has_sandbox(), wanted=wanted)
    try:
        said = json.loads((out / "manifest.json").read_bytes())
        if not said.get("ok"):
            raise Refusal(str(said.get("sentence", DAMAGED))[:2000])
        facts = ProbeFacts.model_validate(said) if kind is UploadKind.PROBE else None
        manifest = Manifest.model_validate({**said, "facts": facts})
    except (OSError, ValueError, AttributeError) as error:
        raise Refusal(DAMAGED) from error
    return OpenedUpload(out / "tensors.safetensors", manifest, out / "graph.json" if manifest.has_graph else None)


def _run(source: Path, out: Path, *, kind: UploadKind, jailed: bool, wanted: str = "") -> None:
    size = source.stat().st_size
    limits = {
        "RLIMIT_CPU": min(CPU_S, SMALL_CPU_S + size // BYTES_PER_CPU_S),
        "RLIMIT_AS": MEMORY_BYTES + 3 * size,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_FSIZE": 4 * size + SLACK_BYTES if kind is UploadKind.CHECKPOINT else (8 << 30) + SLACK_BYTES,
    }
    paths = [str(PACKAGE.parent), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    arguments = [str(source), str(out), kind, "yes" if jailed else "no", wanted]
    command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", BOOT, json.dumps([limits, paths, arguments])]
    argv = bubblewrap(command, source=source, out=out) if jailed else command
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as child:
        try:
            child.wait(WALL_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise Refusal(DAMAGED) from None
