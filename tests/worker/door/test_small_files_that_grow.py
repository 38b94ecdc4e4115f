"""Files of a few bytes that would take minutes or gigabytes: each is refused in a moment, with a true sentence."""

import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from kinscape.backend.contracts.uploads import UploadKind
from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.loading import sandbox
from tests.worker.door.test_door import stored

# Doubled so often, a tuple has more parts than there are seconds in the age of the universe.
NESTED = b")" + b"2\x86" * 60
START, END = b"\x80\x02", b"."
PICKLES = {
    "callee": START + NESTED + b")R" + END,
    "global": START + NESTED + b"2\x93" + END,
    "key": START + b"}" + NESTED + b"Ns" + END,
    "member of a set": START + b"\x8f(" + NESTED + b"\x90" + END,
    "storage": START
    + b"}X\x01\x00\x00\x00w(X\x07\x00\x00\x00storagec torch\nFloatStorage\n".replace(b"c torch", b"ctorch")
    + NESTED
    + b"X\x03\x00\x00\x00cpuK\x01tQs"
    + END,
}


def refused(path: Path, folder: Path, kind: UploadKind = UploadKind.CHECKPOINT) -> tuple[str, float]:
    """The sentence, and after how many seconds."""
    folder.mkdir()
    began = time.monotonic()
    with pytest.raises(Refusal) as told:
        sandbox.open_file(path, folder, kind=kind)
    return str(told.value), time.monotonic() - began


@pytest.mark.parametrize("place", PICKLES)
def test_nested_tuples_are_never_written_out(place: str, tmp_path: Path) -> None:
    path = stored(tmp_path / "net.pt", {"archive/data.pkl": PICKLES[place], "archive/version": b"3"})
    sentence, seconds = refused(path, tmp_path / "out")
    assert "within the limits of time and memory" not in sentence
    assert seconds < 10


def test_dictionaries_that_hold_one_another_many_times_are_walked_once(tmp_path: Path) -> None:
    inner: dict[str, object] = {"epoch": 1}
    for _ in range(40):
        inner = {str(k): inner for k in range(40)}
    torch.save(inner, tmp_path / "net.pt")
    sentence, seconds = refused(tmp_path / "net.pt", tmp_path / "out")
    assert "no tensors with names" in sentence
    assert seconds < 10


def test_many_views_of_one_storage_are_counted_before_they_are_made(tmp_path: Path) -> None:
    whole = torch.randn(1000, 1000)
    torch.save({f"w{k}": whole.T for k in range(1000)}, tmp_path / "net.pt")
    sentence, seconds = refused(tmp_path / "net.pt", tmp_path / "out")
    assert "views of the same ones" in sentence
    assert seconds < 10


def test_arrays_that_are_nearly_all_one_value_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "probe.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f4", "fortran_order": False, "shape": (100_000, 1, 28, 28)}
        )
        for _ in range(100):
            member.write(bytes(1000 * 28 * 28 * 4))
    assert path.stat().st_size < 1 << 20
    sentence, seconds = refused(path, tmp_path / "out", UploadKind.PROBE)
    assert "unpacks to 299 MiB" in sentence
    assert seconds < 10


def test_images_that_compress_well_are_taken(tmp_path: Path) -> None:
    x = np.zeros((5000, 28, 28), dtype=np.uint8)
    x[:, 10:18, 10:18] = np.arange(5000, dtype=np.uint8)[:, None, None]
    np.savez_compressed(tmp_path / "probe.npz", x=x, y=np.arange(5000) % 10)
    (tmp_path / "out").mkdir()
    found = sandbox.open_file(tmp_path / "probe.npz", tmp_path / "out", kind=UploadKind.PROBE).manifest.facts
    assert found is not None
    assert found.samples == 5000


def test_what_is_no_text_is_told_by_its_kind() -> None:
    nested: object = ()
    for _ in range(60):
        nested = (nested, nested)
    assert quoted(nested) == "something of type tuple"
    assert quoted("a" * 10_000).endswith("…'")
    assert len(quoted("a" * 10_000)) <= 80


def test_a_tensor_of_too_many_dimensions_is_named(tmp_path: Path) -> None:
    nested = START + b"}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n"
    nested += b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00"
    nested += b"(" + b"K\x01" * 65 + b"t(" + b"K\x01" * 65 + b"ttRs" + END
    made = stored(
        tmp_path / "many.pt", {"archive/data.pkl": nested, "archive/data/0": bytes(4), "archive/version": b"3"}
    )
    sentence, _ = refused(made, tmp_path / "out")
    assert "has 65 dimensions; at most 64" in sentence


def test_an_archive_with_a_password_says_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 3)))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    # The flag of its only member, in front of it and in the list at the end.
    for place in (6, data.index(b"PK\x01\x02") + 8):
        data[place] |= 1
    (tmp_path / "locked.npz").write_bytes(data)
    for kind in UploadKind:
        sentence, _ = refused(tmp_path / "locked.npz", tmp_path / f"out-{kind}", kind)
        assert "encrypted" in sentence
