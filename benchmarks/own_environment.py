"""An environment for libraries that are measured beside ours and must not meet our own pins."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"
ALONE = "# alone"
OURS = ["pydantic", "safetensors", "scipy", "numpy", "threadpoolctl"]  # what our measures need


def enter(module: str, peers: Path, arguments: list[str], *, threads: int) -> None:
    """Run a module of this folder in an environment with the peers; makes it first where it is missing.

    Libraries marked as alone are installed without what they require. Every library, ours and theirs, whatever
    it multiplies with, is held to so many threads.

    Does not return: the process becomes the new one.
    """
    home = ROOT / ".benchmarks" / peers.stem
    python = home / "bin" / "python"
    ready = home / "ready"
    wanted = "\n".join([TORCH, *OURS, peers.read_text()])
    if not ready.is_file() or ready.read_text() != wanted:
        print(f"Installing {peers.name} into {home} …", flush=True)
        venv.create(home, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, TORCH], check=True)
        constraints = ROOT / "constraints.txt"
        subprocess.run([*pip, "--constraint", str(constraints), *OURS], check=True)
        lines = [line.strip() for line in peers.read_text().splitlines() if line.strip() and not line.startswith("#")]
        alone = [line.split("#")[0].strip() for line in lines if line.endswith(ALONE)]
        subprocess.run([*pip, TORCH, *[line for line in lines if not line.endswith(ALONE)]], check=True)
        if alone:
            subprocess.run([*pip, "--no-deps", *alone], check=True)
        ready.write_text(wanted)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        **{f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")},
    }
    os.execve(python, [str(python), "-m", module, "--inside", *arguments], environment)


def is_inside() -> bool:
    """Whether this process already runs in such an environment."""
    return "--inside" in sys.argv
