"""The door: what is read, what is refused, and that nothing a file names ever runs."""

import argparse
import contextlib
import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kinscape import build
from kinscape.backend.contracts.uploads import UploadKind
from kinscape.worker.door import unpickler
from kinscape.worker.door.refusal import Refusal
from kinscape.worker.loading import sandbox


def opened(path: Path, tmp_path: Path, kind: str = "checkpoint") -> sandbox.OpenedUpload:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return sandbox.open_file(path, out, kind=UploadKind(kind))


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build("cnn", classes=3).state_dict()


def save(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def test_the_same_weights_in_any_file_have_one_hash_and_equal_bits(tmp_path: Path) -> None:
    state = weights()
    save_file(state, tmp_path / "a.safetensors")
    wrapped = {f"module.{n}": t for n, t in state.items()}
    extras = {"state_dict": state, "epoch": 3, "args": argparse.Namespace(lr=0.1)}
    files = [
        tmp_path / "a.safetensors",
        save(tmp_path / "b.pt", state),
        save(tmp_path / "c.pt", wrapped),
        save(tmp_path / "d.pt", extras),
        save(tmp_path / "e.pt", {n: torch.nn.Parameter(t, requires_grad=False) for n, t in state.items()}),
    ]
    hashes = set()
    for file in files:
        found = opened(file, tmp_path)
        hashes.add(found.manifest.hash)
        read = load_file(found.tensors)
        assert all(torch.equal(read[n], t) for n, t in state.items())
    assert len(hashes) == 1


def test_views_of_one_storage_are_read_as_they_are(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32).view(4, 6)
    read = load_file(opened(save(tmp_path / "v.pt", {"t": base.T, "s": base[1:, ::2]}), tmp_path).tensors)
    assert torch.equal(read["t"], base.T)
    assert torch.equal(read["s"], base[1:, ::2])


class Evil:
    """Runs a command when it is unpickled by the usual means."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.fault("files that would run code")
def test_a_pickle_that_would_run_code_does_not(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    file = save(tmp_path / "evil.pt", {"w": Evil(mark)})
    with pytest.raises(Refusal, match="no tensors with names"):
        opened(file, tmp_path)
    assert not mark.exists()
    torch.load(file, weights_only=False)
    assert mark.exists(), "the file is harmful when opened by the usual means"


@pytest.mark.fault("files that would run code")
def test_nothing_named_in_a_pickle_is_imported_or_called(tmp_path: Path) -> None:
    for protocol in range(2, 6):
        value = unpickler.load(pickle.dumps(Evil(tmp_path / "ran"), protocol))
        assert isinstance(value, unpickler.DeferredCall)
        assert str(value.by).endswith(".system")
    assert not (tmp_path / "ran").exists()


def stored(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tampered(path: Path, *, old: bytes, new: bytes) -> Path:
    """A torch file whose pickle says something else."""
    save(path, {"w": torch.zeros(2, 3)})
    with zipfile.ZipFile(path) as archive:
        members = {i.filename: archive.read(i) for i in archive.infolist()}
    name = next(n for n in members if n.endswith("data.pkl"))
    assert old in members[name]
    members[name] = members[name].replace(old, new)
    return stored(path, members)


def header(entries: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + body


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
TWICE = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
HOSTILE: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "not a checkpoint"),
    "text": (b"hello, I am a network", "not a checkpoint"),
    "old pickle": (pickle.dumps({"w": 1}), r"torch\.save did not write"),
    "huge header": (struct.pack("<Q", 2**40) + b"{}", "not a checkpoint"),
    "cut header": (header({"w": F32})[:20], "cut off inside its header"),
    "no json": (struct.pack("<Q", 4) + b"{{{{", "not JSON"),
    "cut body": (header({"w": F32}, b"1234"), "cut off inside tensor"),
    "trailing bytes": (header({"w": F32}, b"123456789"), "goes on after"),
    "overlap": (header({"w": F32, "v": F32}, b"12345678"), "overlap"),
    "unknown type": (header({"w": {**F32, "dtype": "F128"}}, b"12345678"), "unknown type"),
    "negative shape": (header({"w": {**F32, "shape": [-2]}}, b"12345678"), "makes no sense"),
    "wrong size": (header({"w": {**F32, "shape": [3]}}, b"12345678"), "overlap others or leave a gap"),
    "no tensors": (header({}), "holds no tensors"),
    "name twice": (struct.pack("<Q", len(TWICE)) + TWICE + b"1234", "names a tensor twice"),
    "odd name": (header({"a\u0000b": F32}, b"12345678"), "cannot be used"),
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_file_that_is_no_checkpoint_is_refused_with_a_sentence(kind: str, tmp_path: Path) -> None:
    data, sentence = HOSTILE[kind]
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(Refusal, match=sentence):
        opened(tmp_path / "file", tmp_path)


def test_torch_files_that_lie_are_refused(tmp_path: Path) -> None:
    state = weights()
    whole = save(tmp_path / "whole.pt", state).read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refusal, match="damaged or cut off"):
        opened(tmp_path / "cut.pt", tmp_path)
    (tmp_path / "before.pt").write_bytes(b"PK\x03\x04 something" + whole)
    with pytest.raises(Refusal, match=r"before the zip archive|damaged"):
        opened(tmp_path / "before.pt", tmp_path)
    with pytest.raises(Refusal, match="compressed"):
        opened(stored(tmp_path / "deflated.pt", {"a/data.pkl": b"x" * 99}, zipfile.ZIP_DEFLATED), tmp_path)
    # Shape (2, 3) becomes (200, 3): more than is stored.
    with pytest.raises(Refusal, match="beyond its stored bytes"):
        opened(tampered(tmp_path / "big.pt", old=b"K\x02K\x03\x86", new=b"K\xc8K\x03\x86"), tmp_path)
    # Stride (3, 1) becomes (0, 0): six values out of one are not what is stored either way round.
    flat = load_file(
        opened(tampered(tmp_path / "flat.pt", old=b"K\x03K\x01\x86", new=b"K\x00K\x00\x86"), tmp_path).tensors
    )
    assert flat["w"].shape == (2, 3)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_a_probe_set_says_what_is_in_it(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(10, 4, 4))
    x[1] = x[0]
    x[:, 0, 0] = 3
    found = opened(npz(tmp_path / "p.npz", x=x, y=np.arange(10) % 3), tmp_path, "probe").manifest.facts
    assert found is not None
    assert (found.samples, found.shape, found.classes) == (10, [1, 4, 4], 3)
    assert (found.duplicates, found.constant_features, found.class_counts) == (1, 1, [4, 3, 3])


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"pictures": np.zeros((3, 2))}, "no array named x"),
        ({"x": np.array([{}], dtype=object)}, "Python objects"),
        ({"x": np.full((3, 2), np.nan)}, "6 values that are NaN"),
        ({"x": np.zeros((0, 2))}, "at least one value"),
        ({"x": np.zeros(5)}, "at least one value"),
        ({"x": np.zeros((3, 2), dtype=complex)}, "real numbers"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(2)}, "with 3 samples"),
        ({"x": np.zeros((3, 2)), "y": np.array([0, 1, -1])}, "between 0 and"),
        ({"x": np.zeros((3, 2)), "y": np.array(["a", "b", "c"])}, "whole numbers"),
    ],
)
def test_a_probe_set_that_cannot_be_asked_is_refused(arrays: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=sentence):
        opened(npz(tmp_path / "p.npz", **arrays), tmp_path, "probe")


@pytest.mark.fault("files that would run code")
def test_the_sandbox_bites(tmp_path: Path) -> None:
    if not sandbox.has_sandbox():
        pytest.skip("this system offers no sandbox; pickles are refused here")
    script = (
        "import socket, pathlib, json\n"
        "out = {}\n"
        "def tried(name, f):\n"
        "    try: f(); out[name] = 'done'\n"
        "    except Exception as e: out[name] = type(e).__name__\n"
        "tried('read', lambda: open('/etc/passwd').read())\n"
        "tried('write', lambda: open('/usr/here', 'w'))\n"
        "tried('root', lambda: open('/here', 'w'))\n"
        "tried('network', lambda: socket.create_connection(('127.0.0.1', 1), 1))\n"
        "open('found.json', 'w').write(json.dumps(out))\n"
    )
    (tmp_path / "in").write_bytes(b"")
    (tmp_path / "out").mkdir()
    import subprocess
    import sys

    command = sandbox.bubblewrap(
        [sys.executable, "-I", "-S", "-c", script], source=tmp_path / "in", out=tmp_path / "out"
    )
    subprocess.run(command, check=True)
    found = json.loads((tmp_path / "out" / "found.json").read_text())
    assert "done" not in found.values(), found


def test_without_a_sandbox_pickles_are_refused_and_safetensors_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "has_sandbox", lambda: False)
    with pytest.raises(Refusal, match="no sandbox"):
        opened(save(tmp_path / "b.pt", weights()), tmp_path)
    save_file(weights(), tmp_path / "a.safetensors")
    assert opened(tmp_path / "a.safetensors", tmp_path).manifest.hash


def test_random_damage_never_gets_past_the_door_unseen(tmp_path: Path) -> None:
    good = io.BytesIO()
    torch.save({"w": torch.ones(4, 4)}, good)
    rng = np.random.default_rng(0)
    for number in range(12):
        data = bytearray(good.getvalue())
        for place in rng.integers(0, len(data), 8):
            data[place] ^= int(rng.integers(1, 256))
        file = tmp_path / f"{number}.pt"
        file.write_bytes(data)
        with contextlib.suppress(Refusal):
            assert opened(file, tmp_path).manifest.hash
