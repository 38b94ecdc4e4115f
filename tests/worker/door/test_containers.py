"""Weights in the files that people have: the same tensors, whatever wraps them."""

import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from kinscape.backend.contracts.uploads import UploadKind
from kinscape.worker.door.refusal import Refusal
from kinscape.worker.loading import sandbox
from tests.worker.door import other_frameworks as others


class Net(nn.Module):
    """Two modules, a tied weight, a buffer that is saved and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 5)
        self.body = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5))
        self.head = nn.Linear(5, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scratch", torch.ones(3), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out


def net() -> Net:
    torch.manual_seed(0)
    return Net().eval()


def opened(path: Path, wanted: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    upload = sandbox.open_file(path, out, kind=UploadKind.CHECKPOINT, wanted=wanted)
    return load_file(upload.tensors), upload.manifest


def saved(value: Any, path: Path, **how: Any) -> Path:
    torch.save(value, path, **how)
    return path


def state() -> dict[str, Tensor]:
    return net().state_dict()


def matrices() -> dict[str, Tensor]:
    """Tensors with at least one axis: a single number cannot be compressed."""
    return {n: t for n, t in state().items() if t.ndim}


def other() -> dict[str, Tensor]:
    return {n: t + 1 for n, t in state().items()}


def lightning() -> dict[str, Any]:
    module = {f"model.{n}": t for n, t in state().items()} | {"criterion.weight": torch.ones(7)}
    adam = {"state": {0: {"exp_avg": torch.ones(5, 5)}}, "param_groups": []}
    return {
        "epoch": 3,
        "state_dict": module,
        "optimizer_states": [adam],
        "callbacks": {"best": {"w": torch.ones(2, 2)}},
    }


def tar_of(files: dict[str, bytes], path: Path, mode: str) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"model/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def sharded(path: Path) -> Path:
    parts: dict[str, dict[str, Tensor]] = {"a.safetensors": {}, "b.safetensors": {}}
    for k, (name, tensor) in enumerate(state().items()):
        parts["ab"[k % 2] + ".safetensors"][name] = tensor.clone()
    files = {}
    for name, tensors in parts.items():
        save_file(tensors, path.parent / name)
        files[name] = (path.parent / name).read_bytes()
    index = {"weight_map": {n: part for part, tensors in parts.items() for n in tensors}}
    return tar_of({**files, "model.safetensors.index.json": json.dumps(index).encode()}, path, "w")


def script(path: Path) -> Path:
    torch.jit.save(torch.jit.trace(net(), torch.randn(2, 5)), path)
    return path


def arrays(path: Path) -> Path:
    np.savez(path, **{n.replace(".", "/"): t.numpy() for n, t in state().items()})
    return path


def packed(path: Path) -> Path:
    saved(state(), path.parent / "inner.pt")
    return tar_of({"README": b"about", "weights.pt": (path.parent / "inner.pt").read_bytes()}, path, "w:gz")


def zip_of(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"model/{name}", data)
    return path


def huggingface(path: Path) -> Path:
    """A folder of the usual kind in a zip archive, with what an archiver of macOS adds."""
    save_file({n: t.clone() for n, t in state().items()}, path.parent / "model.safetensors")
    files = {"config.json": b"{}", "._model.safetensors": b"forks", "README.md": b"about"}
    return zip_of({**files, "model.safetensors": (path.parent / "model.safetensors").read_bytes()}, path)


def pickled(path: Path, protocol: int) -> Path:
    arrays_of = {n: t.numpy().copy(order="F") for n, t in state().items()}
    value = {"params": arrays_of, "epoch": 3}
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


def tree() -> dict[str, Any]:
    """Weights as Flax nests them."""
    out: dict[str, Any] = {}
    for name, tensor in state().items():
        *path, last = name.split(".")
        inner = out
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = tensor.numpy()
    return out


def packed_map(value: Any) -> bytes:
    """Flax' msgpack, written by hand from the specification."""
    if isinstance(value, dict):
        return bytes([0x80 + len(value)]) + b"".join(packed_map(k) + packed_map(v) for k, v in value.items())
    if isinstance(value, str):
        return bytes([0xA0 + len(value)]) + value.encode()
    if isinstance(value, int):
        return bytes([value])
    sides = bytes([0x90 + value.ndim]) + b"".join(b"\xcd" + s.to_bytes(2, "big") for s in value.shape)
    raw = value.tobytes()
    inside = b"\x93" + sides + packed_map(value.dtype.name) + b"\xc6" + len(raw).to_bytes(4, "big") + raw
    return b"\xc9" + len(inside).to_bytes(4, "big") + b"\x01" + inside


def flax(path: Path) -> Path:
    path.write_bytes(packed_map({"step": 7, "params": tree(), "opt_state": {"mu": np.ones(3, np.float32)}}))
    return path


def gguf(path: Path, kinds: dict[str, int] | None = None) -> Path:
    """The format by its specification: texts and a list in front, tensors at multiples of 64 bytes."""

    def text(words: bytes) -> bytes:
        return len(words).to_bytes(8, "little") + words

    tensors = {n: t.numpy() for n, t in state().items()}
    codes = {"float32": 0, "int64": 27}
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 3)
    head += text(b"general.name") + struct.pack("<I", 8) + text(b"own")
    head += text(b"tokens") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b")
    head += text(b"general.alignment") + struct.pack("<II", 4, 64)
    data = b""
    for name, array in tensors.items():
        code = (kinds or {}).get(name, codes[array.dtype.name])
        head += text(name.encode()) + struct.pack("<I", array.ndim)
        head += struct.pack(f"<{array.ndim}Q", *array.shape[::-1]) + struct.pack("<IQ", code, len(data))
        data += array.tobytes().ljust(-(-array.nbytes // 64) * 64, b"\0")
    path.write_bytes(head.ljust(-(-len(head) // 64) * 64, b"\0") + data)
    return path


KINDS: dict[str, Callable[[Path], Path]] = {
    "state dict": lambda p: saved(state(), p),
    "before 1.6": lambda p: saved(state(), p, _use_new_zipfile_serialization=False),
    "a checkpoint of before 1.6": lambda p: saved(
        {"model": state(), "epoch": 1}, p, _use_new_zipfile_serialization=False
    ),
    "DataParallel": lambda p: saved(nn.DataParallel(net()).state_dict(), p),
    "torch.compile in DataParallel": lambda p: saved({f"module._orig_mod.{n}": t for n, t in state().items()}, p),
    "any wrapper": lambda p: saved({f"student.{n}": t for n, t in state().items()}, p),
    "training checkpoint": lambda p: saved({"model": state(), "optimizer": {"a": torch.ones(2, 2)}, "acc": 0.5}, p),
    "nested": lambda p: saved({"state": {"net": state()}, "epoch": 3}, p),
    "statistics beside it": lambda p: saved({"model": state(), "mean_std": {"mean": torch.ones(3)}}, p),
    "a best score beside it": lambda p: saved({"model": state(), "best": {"acc": torch.tensor(0.9)}}, p),
    "model and ema": lambda p: saved({"model": state(), "ema": other()}, p),
    "extra state": lambda p: saved({**state(), "_extra_state": None, "epoch": 3}, p),
    "Lightning": lambda p: saved(lightning(), p),
    "whole module": lambda p: saved(net(), p),
    "TorchScript": script,
    "npz": arrays,
    "tar.gz": packed,
    "shards in a tar": sharded,
    "a folder in a zip": huggingface,
    "a pickle of arrays": lambda p: pickled(p, 4),
    "an old pickle of arrays": lambda p: pickled(p, 2),
    "a new pickle of arrays": lambda p: pickled(p, 5),
    "msgpack of Flax": flax,
    "GGUF": gguf,
    "weights of Keras (.h5)": lambda p: others.keras(p, state()),
    "weights of Keras, compressed": lambda p: others.keras(p, matrices(), compression="gzip", chunks=True),
    "model of Keras (.keras)": lambda p: others.keras_archive(p, state()),
    "model of Keras before 3": lambda p: others.keras(p, state(), place="model_weights/{}:0"),
    "ONNX": lambda p: others.onnx(p, state()),
    "joblib": lambda p: others.joblibs(p, state()),
    "a distributed checkpoint in a zip": lambda p: others.zipped(p, others.folder_of(p, state())),
    "a distributed checkpoint in a tar": lambda p: tar_of(others.folder_of(p, state()), p, "w"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_every_container_gives_the_same_tensors(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path / ("m.npz" if kind == "npz" else "m.bin"))
    tensors, _ = opened(path)
    right = state()
    if kind == "TorchScript":
        # A trace keeps what the forward pass uses.
        right = {n: t for n, t in right.items() if not n.startswith("embed")}
    if "compressed" in kind:
        right = matrices()
    assert set(right) <= set(tensors)
    assert set(tensors) - set(right) <= {"scratch", "embed.weight"}
    assert all(torch.equal(tensors[n], t) for n, t in right.items())


@pytest.mark.parametrize("length", [*range(0x78, 0x90), 0x8B1F, 0x4B50, 300])
def test_the_length_of_a_header_is_no_sign_of_another_format(length: int, tmp_path: Path) -> None:
    """The first byte of a safetensors file is that of its header's length: 128 is also how a pickle begins."""
    head = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    data = np.array([1, 2], "<f4").tobytes()
    path = tmp_path / "a.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + head.ljust(length) + data)
    tensors, _ = opened(path)
    assert tensors["w"].tolist() == [1, 2]


def test_a_tensor_of_two_names_is_told(tmp_path: Path) -> None:
    for how in ({}, {"_use_new_zipfile_serialization": False}):
        _, manifest = opened(saved(state(), tmp_path / "m.pt", **how))
        assert manifest.tied == {"head.weight": "embed.weight"}


def test_another_set_of_weights_can_be_asked_for(tmp_path: Path) -> None:
    path = saved({"model": state(), "ema": other(), "epoch": 1}, tmp_path / "m.pt")
    tensors, manifest = opened(path)
    assert torch.equal(tensors["body.0.weight"], state()["body.0.weight"])
    assert manifest.told == ["The file also holds 'ema': to compare one of these, upload it again with weights=ema."]
    tensors, _ = opened(path, "ema")
    assert torch.equal(tensors["body.0.weight"], other()["body.0.weight"])
    with pytest.raises(Refusal, match="no set of weights called 'best'; it holds 'model', 'ema'"):
        opened(path, "best")
    with pytest.raises(Refusal, match=r"several sets of weights \('student', 'teacher'\): say which one"):
        opened(saved({"student": state(), "teacher": other()}, tmp_path / "d.pt"))


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    _, manifest = opened(saved(lightning(), tmp_path / "l.ckpt"))
    assert manifest.told == ["Left out, as no part of the model: criterion.weight."]
    sparse = torch.eye(3).to_sparse()
    _, manifest = opened(saved({**state(), "mask": sparse}, tmp_path / "s.pt"))
    assert manifest.told == ["Left out, as no ordinary tensors: 'mask'."]


def test_an_expanded_tensor_is_what_it_shows(tmp_path: Path) -> None:
    tensors, _ = opened(saved({"w": torch.arange(3.0).expand(4, 3)}, tmp_path / "m.pt"))
    assert torch.equal(tensors["w"], torch.arange(3.0).expand(4, 3))
    with pytest.raises(Refusal, match=r"its tensors 12,884,901,888: .* \.contiguous\(\)"):
        opened(saved({"w": torch.arange(3.0).expand(1 << 30, 3)}, tmp_path / "bomb.pt"))


def test_archives_that_lie_are_refused(tmp_path: Path) -> None:
    inner = saved(state(), tmp_path / "inner.pt").read_bytes()
    two = tar_of({"a.pt": inner, "b.pt": inner}, tmp_path / "two.tar", "w")
    with pytest.raises(Refusal, match=r"several checkpoints \('a.pt', 'b.pt'\)"):
        opened(two)
    index = json.dumps({"weight_map": {"x": "a.pt", "y": "c.pt"}}).encode()
    lacking = tar_of({"a.pt": inner, "b.pt": inner, "m.bin.index.json": index}, tmp_path / "lacking.tar", "w")
    with pytest.raises(Refusal, match=r"lacks the shard 'c\.pt'"):
        opened(lacking)
    bomb = tar_of({"a.pt": bytes(300 << 20)}, tmp_path / "bomb.tar.gz", "w:gz")
    with pytest.raises(Refusal, match="unpacks to far more"):
        opened(bomb)
    with pytest.raises(Refusal, match="holds no checkpoint"):
        opened(tar_of({"README": b"nothing"}, tmp_path / "none.tar", "w"))
    (tmp_path / "cut.tar.gz").write_bytes(packed(tmp_path / "whole.tar.gz").read_bytes()[:-200])
    with pytest.raises(Refusal, match="damaged, cut off, or no tar archive"):
        opened(tmp_path / "cut.tar.gz")


def test_a_legacy_file_that_lies_is_refused(tmp_path: Path) -> None:
    whole = saved(state(), tmp_path / "m.pt", _use_new_zipfile_serialization=False).read_bytes()
    for cut in (len(whole) - 40, len(whole) // 2, 60, 20):
        (tmp_path / "cut.pt").write_bytes(whole[:cut])
        with pytest.raises(Refusal, match=r"cut off|damaged|did not write"):
            opened(tmp_path / "cut.pt")
    (tmp_path / "plain.pkl").write_bytes(b"\x80\x04]q\x00.")
    with pytest.raises(Refusal, match=r"torch\.save did not write"):
        opened(tmp_path / "plain.pkl")


def test_a_compressed_part_is_never_unpacked(tmp_path: Path) -> None:
    path = saved(state(), tmp_path / "m.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(Refusal, match=r"is compressed, which torch\.save never does"):
        opened(tmp_path / "z.pt")


# Formats that are written by hand here, for changing them at random.
FUZZED: dict[str, Callable[[Path], Path]] = {
    "msgpack": flax,
    "GGUF": gguf,
    "HDF5": lambda p: others.keras(p, {"a.weight": torch.ones(2, 3), "a.bias": torch.ones(2)}),
    "Keras": lambda p: others.keras_archive(p, {"a.weight": torch.ones(2, 3)}),
    "ONNX": lambda p: others.onnx(p, {"a.weight": torch.ones(2, 3)}),
    "joblib": lambda p: others.joblibs(p, {"a.weight": torch.ones(2, 3)}),
    "distributed": lambda p: others.zipped(p, others.folder_of(p, {"a.weight": torch.ones(2, 3)})),
    "quantised": lambda p: others.quantised(p, torch.ones(2, 3)),
}
