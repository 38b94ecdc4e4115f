"""Probe sets as people keep them: what is recognised is said, and nothing is changed in silence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinscape.backend.contracts.uploads import UploadKind
from kinscape.worker.door.refusal import Refusal
from kinscape.worker.loading import sandbox


def opened(path: Path, wanted: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    upload = sandbox.open_file(path, out, kind=UploadKind.PROBE, wanted=wanted)
    return load_file(upload.tensors), upload.manifest


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5)).astype(np.float32)
Y = np.arange(12) % 3


def in_npz(path: Path) -> Path:
    return npz(path, x=X, y=Y)


def in_compressed_npz(path: Path) -> Path:
    np.savez_compressed(path, x=X, y=Y)
    return path


def in_keras_names(path: Path) -> Path:
    return npz(path, x_train=X[:3], y_train=Y[:3], x_test=X, y_test=Y)


def in_upper_case(path: Path) -> Path:
    return npz(path, X=X, Y=Y)


def in_images_and_labels(path: Path) -> Path:
    return npz(path, test_images=X, test_labels=Y)


def in_safetensors(path: Path) -> Path:
    save_file({"x": torch.from_numpy(X), "labels": torch.from_numpy(Y)}, path)
    return path


def in_a_torch_dictionary(path: Path) -> Path:
    torch.save({"data": torch.from_numpy(X), "targets": torch.from_numpy(Y)}, path)
    return path


def in_a_torch_pair(path: Path) -> Path:
    torch.save((torch.from_numpy(X), torch.from_numpy(Y)), path)
    return path


def in_a_table(path: Path) -> Path:
    head = ",".join([*(f"f{k}" for k in range(5)), "label"])
    rows = [",".join(map(repr, [*map(float, x), int(y)])) for x, y in zip(X, Y, strict=True)]
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


KINDS = (
    in_npz,
    in_compressed_npz,
    in_keras_names,
    in_upper_case,
    in_images_and_labels,
    in_safetensors,
    in_a_torch_dictionary,
    in_a_torch_pair,
    in_a_table,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_the_same_samples_come_out_of_every_file(kind: Any, tmp_path: Path) -> None:
    tensors, manifest = opened(kind(tmp_path / "file.npz"))
    assert np.array_equal(tensors["x"].numpy(), X)
    assert np.array_equal(tensors["y"].numpy(), Y)
    assert manifest.facts.classes == 3


def test_a_lone_array_is_samples(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    tensors, manifest = opened(tmp_path / "x.npy")
    assert np.array_equal(tensors["x"].numpy(), X)
    assert manifest.facts.classes is None


def test_what_was_read_and_what_not_is_said(tmp_path: Path) -> None:
    _, manifest = opened(in_keras_names(tmp_path / "k.npz"))
    assert manifest.told == [
        "Samples were read from x_test, labels from y_test.",
        "Not read: x_train, y_train.",
    ]


def test_images_of_bytes_are_divided_which_is_said(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
    path = npz(tmp_path / "i.npz", x=images)
    tensors, manifest = opened(path)
    assert torch.equal(tensors["x"], torch.from_numpy(images).float() / 255)
    assert "divided by 255" in manifest.told[0]
    tensors, manifest = opened(path, "raw recognised")
    assert torch.equal(tensors["x"], torch.from_numpy(images).float())
    assert manifest.told == []


def test_colours_at_the_end_are_turned_which_is_said(tmp_path: Path) -> None:
    images = RNG.normal(size=(4, 8, 8, 3)).astype(np.float32)
    path = npz(tmp_path / "i.npz", x=images)
    tensors, manifest = opened(path)
    assert torch.equal(tensors["x"], torch.from_numpy(images).permute(0, 3, 1, 2))
    assert "colours last" in manifest.told[0]
    tensors, _ = opened(path, "unit as-given")
    assert torch.equal(tensors["x"], torch.from_numpy(images))
    # Maps with few channels in front stay as they are.
    plain = RNG.normal(size=(4, 3, 8, 3)).astype(np.float32)
    assert torch.equal(opened(npz(tmp_path / "p.npz", x=plain))[0]["x"], torch.from_numpy(plain))


def test_tokens_stay_whole_numbers(tmp_path: Path) -> None:
    ids = RNG.integers(0, 30_000, (6, 7))
    mask = np.ones_like(ids)
    tensors, manifest = opened(npz(tmp_path / "t.npz", input_ids=ids, attention_mask=mask, labels=Y[:6]))
    assert np.array_equal(tensors["x"].numpy(), ids)
    assert manifest.told == ["Samples were read from input_ids, labels from labels."]
    mask[0, 4:] = 0
    tensors, manifest = opened(npz(tmp_path / "t.npz", input_ids=ids, attention_mask=mask, labels=ids))
    assert np.array_equal(tensors["mask"].numpy(), mask) and "y" not in tensors
    assert manifest.told[1] == "A label for each token was not read: each token's label is the next one."
    assert manifest.told[2] == "3 of 42 tokens are padding, and are not looked at."
    for wrong in (mask[:, :3], mask * 2, mask.astype(str)):
        with pytest.raises(Refusal, match="attention_mask has the shape"):
            opened(npz(tmp_path / "t.npz", input_ids=ids, attention_mask=wrong))


def test_labels_become_class_numbers_or_are_left_out(tmp_path: Path) -> None:
    tensors, manifest = opened(npz(tmp_path / "o.npz", x=X, y=np.eye(3)[Y]))
    assert np.array_equal(tensors["y"].numpy(), Y)
    assert manifest.told == ["One-hot labels of 3 classes were read as class numbers."]
    tensors, manifest = opened(npz(tmp_path / "c.npz", x=X, y=Y[:, None]))
    assert np.array_equal(tensors["y"].numpy(), Y)
    assert "(12, 1)" in manifest.told[0]
    tensors, manifest = opened(npz(tmp_path / "r.npz", x=X, y=X[:, 0]))
    assert "y" not in tensors
    assert manifest.told == ["y holds no class numbers, so the set has no labels."]
    _, manifest = opened(npz(tmp_path / "s.npz", x=X, y=np.zeros(12)))
    assert "All labels are 0" in manifest.told[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n3\n", "as many values in every line"),
        ("a,b\n1,x\n", "text where a number belongs"),
        ("a,y,label\n1,2,3\n", "Several columns could be the labels"),
        ("a,b\n", "as many values in every line"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(Refusal, match=sentence):
        opened(tmp_path / "t.csv")


def test_other_files_are_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save(object, tmp_path / "o.pt")
    for path, data in (
        ("o.pt", None),
        ("b.bin", b"\x00\x01\x02"),
        ("t.txt", b"hello"),
        ("n.npy", b"\x93NUMPY\x01\x00"),
    ):
        if data is not None:
            (tmp_path / path).write_bytes(data)
        with pytest.raises(Refusal, match=r"save|damaged"):
            opened(tmp_path / path)
