"""Data sets as they are published: image folders, IDX, batches of CIFAR."""

import gzip
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from kinscape.backend.contracts.uploads import UploadKind
from kinscape.worker.door.refusal import Refusal
from kinscape.worker.loading import sandbox

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
FOLDERS = ["cat", "dog", "ape"]


def opened(path: Path) -> tuple[dict[str, Tensor], Any]:
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    upload = sandbox.open_file(path, out, kind=UploadKind.PROBE)
    return load_file(upload.tensors), upload.manifest


def png(pixels: npt.NDArray[np.uint8], kind: str = "PNG", mode: str | None = None) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(out, kind)
    return out.getvalue()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    sides = b"".join(int(s).to_bytes(4, "big") for s in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sides + array.tobytes()


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("root", ["", "images/", "./"])
def test_class_folders_become_labels_in_the_order_of_their_names(
    pack: Callable[[Path, dict[str, bytes]], Path], root: str, tmp_path: Path
) -> None:
    files = {f"{root}{FOLDERS[k % 3]}/{k}.png": png(COLOUR[k]) for k in range(6)}
    tensors, manifest = opened(
        pack(tmp_path / "p.zip", {**files, f"{root}README.txt": b"about", "__MACOSX/._1.png": b"x"})
    )
    # ape, cat, dog; in each by name.
    order = [2, 5, 0, 3, 1, 4]
    assert np.array_equal(tensors["x"].numpy(), np.moveaxis(COLOUR[order], -1, 1).astype(np.float32) / 255)
    assert tensors["y"].tolist() == [0, 0, 1, 1, 2, 2]
    assert "Class folders in the order of their names: 0 = ape, 1 = cat, 2 = dog." in manifest.told
    assert any("divided by 255" in t for t in manifest.told)


def test_grey_images_have_one_channel_and_numbers_are_classes(tmp_path: Path) -> None:
    files = {f"{(9, 10)[k % 2]}/{k}.png": png(GREY[k]) for k in range(6)}
    tensors, manifest = opened(zipped(tmp_path / "p.zip", files))
    assert tuple(tensors["x"].shape) == (6, 1, 5, 7)
    # Folders are sorted as text, their numbers stay theirs.
    assert tensors["y"].tolist() == [10, 10, 10, 9, 9, 9]
    assert "Folders are class numbers." in manifest.told


def test_grey_and_coloured_images_together_have_three_channels(tmp_path: Path) -> None:
    files = {"a/0.png": png(GREY[0]), "b/1.png": png(COLOUR[1])}
    tensors, _ = opened(zipped(tmp_path / "p.zip", files))
    assert np.array_equal(tensors["x"][0].numpy(), np.repeat(GREY[0][None], 3, 0).astype(np.float32) / 255)


def test_images_in_one_folder_have_no_labels(tmp_path: Path) -> None:
    tensors, manifest = opened(zipped(tmp_path / "p.zip", {f"all/{k}.bmp": png(COLOUR[k], "BMP") for k in range(6)}))
    assert set(tensors) == {"x"}
    assert "lie in one folder, so the set has no labels" in " ".join(manifest.told)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a/0.png": png(COLOUR[0]), "b/1.png": png(COLOUR[1][:4])}, "Images differ in size: 'a/0.png' has 7×5"),
        ({"a/0.png": png(COLOUR[0])[:60], "b/1.png": png(COLOUR[1])}, "'a/0.png' is damaged or no image"),
        ({"a/0.png": b"<svg/>"}, "'a/0.png' is damaged or no image"),
        ({"a/0.png": png(COLOUR[0], mode="RGBA")}, "has the mode RGBA; save it as an 8-bit PNG"),
        ({"train/a/0.png": png(COLOUR[0]), "test/a/1.png": png(COLOUR[1])}, r"several folders \('test', 'train'\)"),
        ({"notes.txt": b"nothing"}, "no arrays, no IDX files and no images"),
    ],
)
def test_archives_of_images_that_cannot_be_used(files: dict[str, bytes], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=sentence):
        opened(zipped(tmp_path / "p.zip", files))


def test_an_image_that_unpacks_to_gigabytes_is_never_unpacked(tmp_path: Path) -> None:
    """A header of 60,000 × 60,000 pixels before a few bytes."""
    data = bytearray(png(GREY[0]))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(Refusal, match=r"60000×60000 pixels; resize it first|damaged or no image"):
        opened(zipped(tmp_path / "p.zip", {"a/0.png": bytes(data)}))


@pytest.mark.parametrize("packed", ["plain", "zip", "tar.gz", "gz in zip"])
def test_idx_files_are_read(packed: str, tmp_path: Path) -> None:
    images, labels = idx(GREY), idx(np.arange(6, dtype=np.uint8) % 3)
    names = {"data/t10k-images-idx3-ubyte": images, "data/t10k-labels-idx1-ubyte": labels}
    path = tmp_path / "p"
    if packed == "plain":
        path.write_bytes(images)
    elif packed == "zip":
        zipped(path, names)
    elif packed == "tar.gz":
        tarred(path, names)
    else:
        zipped(path, {f"{n}.gz": gzip.compress(d) for n, d in names.items()})
    tensors, _ = opened(path)
    assert np.array_equal(tensors["x"].numpy(), GREY[:, None].astype(np.float32) / 255)
    assert ("y" in tensors) == (packed != "plain")
    if "y" in tensors:
        assert tensors["y"].tolist() == [0, 1, 2, 0, 1, 2]


def test_a_gzip_of_idx_alone_and_what_is_wrong_with_others(tmp_path: Path) -> None:
    path = tmp_path / "p.gz"
    path.write_bytes(gzip.compress(idx(GREY)))
    assert tuple(opened(path)[0]["x"].shape) == (6, 1, 5, 7)
    for data, sentence in [
        (gzip.compress(idx(GREY)[:-1]), "IDX file is empty, damaged"),
        (gzip.compress(idx(GREY))[:-20], "damaged or cut off"),
        (gzip.compress(b"text" * 9), "no samples that are known"),
        (gzip.compress(b"a" * (300 << 20), 1), "unpacks to more than"),
    ]:
        path.write_bytes(data)
        with pytest.raises(Refusal, match=sentence):
            opened(path)
    twice = {"a-idx3-ubyte": idx(GREY), "b-idx3-ubyte": idx(GREY)}
    with pytest.raises(Refusal, match="several data sets"):
        opened(zipped(tmp_path / "p.zip", twice))


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("labels", ["labels", "fine_labels"])
def test_batches_of_cifar_are_read(protocol: int, labels: str, tmp_path: Path) -> None:
    data = RNG.integers(0, 256, (4, 3072), dtype=np.uint8)
    value = {b"batch_label": b"one", labels.encode(): [3, 1, 0, 2], b"data": data, b"filenames": [b"a"] * 4}
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(value, protocol))
    tensors, manifest = opened(path)
    assert np.array_equal(tensors["x"].numpy(), data.reshape(4, 3, 32, 32).astype(np.float32) / 255)
    assert tensors["y"].tolist() == [3, 1, 0, 2]
    assert "read as CIFAR images" in " ".join(manifest.told)


def test_a_parquet_file_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(Refusal, match=r"Parquet file: read it with pandas, and save it with numpy\.savez"):
        opened(tmp_path / "p.parquet")
