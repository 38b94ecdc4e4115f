"""Samples out of folders of images in one archive: a folder for each class, as image data sets are laid out."""

import io
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinscape.worker.door.packed import Member, members_of
from kinscape.worker.door.refusal import Refusal, quoted

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
MOST_IMAGES = 200_000
# The side of a square image; larger ones were not fed to networks as they are.
MOST_PIXELS = 4096 * 4096
LARGEST_FILE = 64 << 20
# Samples are held in memory whole.
LARGEST = 2 << 30
MOST_CLASSES_TOLD = 10
# What images of each mode become; those with transparency are refused, as what stands behind them is not told.
MODES = {"1": "L", "L": "L", "RGB": "RGB", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
HOW = "pack class folders with images of one size, such as images/cat/1.png"


class Images(NamedTuple):
    """Images with the numbers of their classes."""

    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.int64] | None
    told: list[str]


def has_images(names: list[str]) -> bool:
    """Whether an archive is a data set of images."""
    return any(_is_image(name) for name in names)


def read(path: str) -> Images:
    """All images of an archive, sorted by class and name.

    Raises:
        Refusal: sizes differ, one cannot be read, or there are too many.
    """
    places: list[str] = []
    pixels: list[npt.NDArray[np.uint8]] = []
    size = 0
    with members_of(path) as members:
        for member in members:
            if not _is_image(member.name):
                continue
            if len(pixels) >= MOST_IMAGES:
                raise Refusal(f"The archive holds more than {MOST_IMAGES:,} images: use fewer.")
            pixels.append(_pixels(member))
            places.append(member.name)
            size += pixels[-1].nbytes
            if size > LARGEST:
                raise Refusal(f"The images are larger than {LARGEST >> 30} GiB: use fewer.")
            if pixels[-1].shape[:2] != pixels[0].shape[:2]:
                raise Refusal(
                    f"Images differ in size: {quoted(places[0])} has {_size(pixels[0])}, {quoted(places[-1])} has "
                    f"{_size(pixels[-1])}. Resize and crop them as your network takes them, then pack them again."
                )
    if not pixels:
        raise Refusal(f"The archive holds no images ({', '.join(ENDINGS)}); {HOW}.")
    order = sorted(range(len(places)), key=lambda k: places[k])
    colours = any(p.ndim == 3 for p in pixels)
    x = np.stack([_with_colours(pixels[k], wanted=colours) for k in order])
    return _labelled(np.moveaxis(x, -1, 1) if colours else x, _folders([places[k] for k in order]))


def _labelled(x: npt.NDArray[np.uint8], folders: list[str]) -> Images:
    names = sorted(set(folders))
    if len(names) == 1:
        return Images(x, None, [f"The {len(x)} images lie in one folder, so the set has no labels."])
    if all(n.isdecimal() and n.isascii() for n in names):
        numbers = {n: int(n) for n in names}
        told = ["Folders are class numbers."]
    else:
        numbers = {n: k for k, n in enumerate(names)}
        first = ", ".join(f"{k} = {n}" for n, k in list(numbers.items())[:MOST_CLASSES_TOLD])
        more = f" and {len(names) - MOST_CLASSES_TOLD} more" if len(names) > MOST_CLASSES_TOLD else ""
        told = [f"Class folders in the order of their names: {first}{more}."]
    return Images(x, np.array([numbers[f] for f in folders], np.int64), told)


def _is_image(name: str) -> bool:
    stem = name.rpartition("/")[2]
    return stem.lower().endswith(ENDINGS) and not stem.startswith(".") and "__MACOSX" not in name


def _folders(places: list[str]) -> list[str]:
    """The folder of each image.

    Raises:
        Refusal: they lie in several data sets, such as train and test.
    """
    parts = [[p for p in place.split("/") if p not in ("", ".")] for place in places]
    above = sorted({"/".join(p[:-2]) for p in parts})
    if len(above) > 1:
        raise Refusal(
            f"The class folders lie in several folders ({', '.join(quoted(a) for a in above[:4])}): pack one of them."
        )
    return [p[-2] if len(p) > 1 else "" for p in parts]


def _pixels(member: Member) -> npt.NDArray[np.uint8]:
    """An image as bytes ``(height, width)`` or ``(height, width, 3)``."""
    from PIL import Image

    if member.size > LARGEST_FILE:
        raise Refusal(f"The image {quoted(member.name)} has {member.size >> 20} MiB; resize it first.")
    stream = member.open()
    data = b"" if stream is None else stream.read(LARGEST_FILE)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                size = f"{image.width}×{image.height}"
                raise Refusal(f"The image {quoted(member.name)} has {size} pixels; resize it first.")
            if image.mode not in MODES:
                raise Refusal(f"The image {quoted(member.name)} has the mode {image.mode}; save it as an 8-bit PNG.")
            return np.asarray(image.convert(MODES[image.mode]))
    except Refusal:
        raise
    except Exception as error:  # decoders raise errors of many kinds
        raise Refusal(f"The image {quoted(member.name)} is damaged or no image; save it again as PNG.") from error


def _with_colours(pixels: npt.NDArray[np.uint8], *, wanted: bool) -> npt.NDArray[np.uint8]:
    return np.repeat(pixels[:, :, None], 3, axis=2) if wanted and pixels.ndim == 2 else pixels


def _size(pixels: npt.NDArray[np.uint8]) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"
