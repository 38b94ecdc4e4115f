"""Recorded outputs and features: what a recording file holds, and what is known of one."""

import enum
import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

# Names of tensors in a recording; features of a layer stand under "features/" and its name.
OUTPUTS = "outputs"
FINGERPRINTS = "fingerprints"
LABELS = "labels"
FEATURES = "features/"
# Metadata of a safetensors file that is a recording.
VERSION_KEY = "kinscape.recording"
ABOUT_KEY = "kinscape.about"
VERSION = "1"


class OutputKind(enum.StrEnum):
    """What the outputs of a model are."""

    LOGITS = "logits"
    PROBABILITIES = "probabilities"


class About(BaseModel):
    """What a recording says about itself, as JSON in its metadata."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    outputs: OutputKind = OutputKind.LOGITS
    reductions: dict[str, str] = Field(
        default_factory=dict, description="How each layer's features became vectors; empty where they were."
    )
    samples: str = Field(default="", description="What was done to samples before, in the user's words.")


class Recorded(BaseModel):
    """What a checkpoint that is a recording holds."""

    model_config = ConfigDict(frozen=True)
    probe: int
    probe_name: str
    about: About
    is_verified: bool = Field(description="Whether its samples are byte for byte those of the probe set.")


def fingerprints(samples: Iterable[npt.ArrayLike]) -> npt.NDArray[np.int64]:
    """One number per sample, ``(samples,)``: the first eight bytes of the sha256 of its values as float32."""
    digests = (hashlib.sha256(np.ascontiguousarray(x, np.float32).tobytes()).digest()[:8] for x in samples)
    return np.frombuffer(b"".join(digests), "<i8").astype(np.int64)
