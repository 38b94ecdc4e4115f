"""Results of forward passes, kept as safetensors files that can be made again."""

import hashlib
import json
import struct
import sys
from array import array
from pathlib import Path

from backend.contracts.problems import NotFound
from backend.store.tables import CheckpointRow, ProbeRow

CODES = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "U8": "B"}
LONGEST_HEADER = 100 << 20


def outputs_key(checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str) -> str:
    """The name of a checkpoint's answers to a probe set."""
    return _key(checkpoint.content_hash, checkpoint.architecture_hash, probe.content_hash, precision)


def features_key(checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str, layer: str, reduction: str) -> str:
    """The name of what one layer of a checkpoint sees in a probe set."""
    return _key(outputs_key(checkpoint, probe, precision=precision), layer, reduction)


def findings_key(checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str, seed: int, name: str) -> str:
    """The name of something that was found of a checkpoint on a probe set and that several measures need."""
    return _key(outputs_key(checkpoint, probe, precision=precision), str(seed), name)


def _key(*parts: str | None) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Tensors:
    """Reads rows of a safetensors file of ours with the standard library alone."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotFound("The models' answers are no longer kept; run the comparison again.")
        self._path = path
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LONGEST_HEADER:
                raise NotFound("A stored file is damaged; run the comparison again.")
            self._header = json.loads(file.read(length))
        self._start = 8 + length

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return name in self._header

    def shape(self, name: str) -> list[int]:
        """Shape of a tensor."""
        return list(self._header[name]["shape"])

    def rows(self, name: str, start: int = 0, count: int | None = None) -> "array[float]":
        """Some rows of a tensor, flat."""
        entry = self._header[name]
        values: array[float] = array(CODES[entry["dtype"]])
        shape = entry["shape"]
        width = 1
        for side in shape[1:]:
            width *= side
        count = shape[0] - start if count is None else count
        with self._path.open("rb") as file:
            file.seek(self._start + entry["data_offsets"][0] + start * width * values.itemsize)
            values.frombytes(file.read(count * width * values.itemsize))
        if sys.byteorder == "big":
            values.byteswap()
        return values
