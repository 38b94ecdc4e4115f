"""What a killed Postgres leaves behind does not keep the next one from starting."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinscape.local import programs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is called as Postgres' are, at work in its folder, and listens to nobody."""
    program = tmp_path / "bin" / "postgres"
    program.parent.mkdir()
    shutil.copy(str(shutil.which("sleep")), program)
    (tmp_path / "data").mkdir()
    one = subprocess.Popen([program, "60"], cwd=tmp_path / "data")
    yield one
    one.kill()
    one.wait()


def test_it_is_waited_for_and_then_ended(busy: subprocess.Popen[bytes], tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postmaster.pid").write_text("999999\n")
    deadline = time.monotonic() + 5
    while busy.pid not in programs.leftovers(data) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert programs.leftovers(data) == [busy.pid]
    assert programs.leftovers(tmp_path) == []
    began = time.monotonic()
    # A dead process is there until its parent has asked for it.
    threading.Thread(target=busy.wait).start()
    programs.clear_stale(data, tmp_path, patience_s=1)
    assert 0.4 < time.monotonic() - began < 5
    assert programs.leftovers(data) == []
    assert not (data / "postmaster.pid").exists()
