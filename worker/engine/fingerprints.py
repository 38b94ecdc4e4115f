"""What tells the tensors of one file from those of another, without the files: a hash of each, and a sketch of all."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor

from kinscape.backend.contracts.fingerprints import HASH_BYTES, SKETCH_WIDTH, Fingerprint

# Signs of so many values are drawn at a time.
CHUNK = SKETCH_WIDTH << 14


class Looked(NamedTuple):
    """What one reading of a canonical file tells."""

    non_finite: int
    fingerprint: Fingerprint


def look(path: Path) -> Looked:
    """Count what is NaN or infinite, hash each tensor, and sketch all of them, in one reading.

    The sketch is the sum of all values with signs of their own, in ``SKETCH_WIDTH`` columns: the squared distance of
    two sketches estimates that of the weights, without bias, to ``sqrt(2 / SKETCH_WIDTH)`` of itself.
    Source: Charikar, Chen & Farach-Colton 2002; Alon, Matias & Szegedy 1999.
    """
    bad, hashes = 0, []
    sketch = torch.zeros(SKETCH_WIDTH, dtype=torch.float64)
    with safe_open(path, "pt") as file:
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            hashes.append(hash_of(tensor))
            if not tensor.is_floating_point():
                continue
            # Eight-bit floats have no test of their own.
            values = (tensor.float() if tensor.element_size() < 4 else tensor).flatten()
            # The sum tells whether anything is missing, in a twentieth of the time that counting takes.
            is_whole = bool(values.sum(dtype=torch.float64).isfinite())
            missing = 0 if is_whole else int(values.numel() - values.isfinite().sum())
            bad += missing
            sketch += _sketched(name, values.nan_to_num(0, 0, 0) if missing else values)
    return Looked(bad, Fingerprint(b"".join(hashes), sketch.float().numpy().tobytes()))


def hash_of(tensor: Tensor) -> bytes:
    """A hash of type, shape and bytes; not of the name, which wrappers change."""
    head = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
    digest = hashlib.blake2b(head, digest_size=HASH_BYTES)
    if tensor.numel():
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.digest()


def _sketched(name: str, values: Tensor) -> Tensor:
    """Finite values with the signs of their tensor's name, added up in columns."""
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")
    draw = torch.Generator().manual_seed(seed)
    out = torch.zeros(SKETCH_WIDTH, dtype=torch.float64)
    for part in values.split(CHUNK):
        signs = torch.randint(0, 2, part.shape, generator=draw, dtype=torch.int8).mul_(2).sub_(1)
        # A sign takes no digits, so products need no more than the values have; sums do.
        signed = part * signs
        rest = -len(signed) % SKETCH_WIDTH
        whole = torch.nn.functional.pad(signed, (0, rest)) if rest else signed
        out += whole.view(-1, SKETCH_WIDTH).sum(0, dtype=torch.float64)
    return out
