"""Results of forward passes, kept as safetensors files that can be made again."""

import hashlib
import json

from kinscape.backend.store.tables import CheckpointRow, ProbeRow

CODES = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "U8": "B"}
# About what the format's own reader allows.
LONGEST_HEADER = 100 << 20


def outputs_key(checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str) -> str:
    """The name of a checkpoint's outputs for a probe set."""
    return _key(checkpoint.content_hash, checkpoint.architecture_hash, probe.content_hash, precision)


def features_key(checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str, layer: str, reduction: str) -> str:
    """The name of a layer's representations of a probe set."""
    return _key(outputs_key(checkpoint, probe, precision=precision), layer, reduction)


def findings_key(checkpoint: CheckpointRow, probe: ProbeRow, *, precision: str, seed: int, name: str) -> str:
    """The name of something that was found of a checkpoint on a probe set and that several measures need."""
    return _key(outputs_key(checkpoint, probe, precision=precision), str(seed), name)


def _key(*parts: str | None) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
