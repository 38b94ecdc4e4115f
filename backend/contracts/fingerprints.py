"""What tells the weights of checkpoints apart, and what was found in it."""

from typing import NamedTuple

from pydantic import BaseModel, Field

# Two of a billion tensors share a hash of 64 bits with a chance of 3 %; a project has thousands.
HASH_BYTES = 8
SKETCH_WIDTH = 256


class Fingerprint(NamedTuple):
    """Hashes of the tensors of a file in the order of their names, and float32 sums that estimate distances."""

    hashes: bytes
    sketch: bytes


class SameWeights(BaseModel):
    """Checkpoints all of whose tensors are equal."""

    checkpoints: list[str] = Field(description="Names, oldest first.")
    same_function: bool = Field(description="False where those that run differ in more than weights.")
    sentence: str


class SharedTensors(BaseModel):
    """A checkpoint most of whose values stand in another one as they are."""

    checkpoint: str
    other: str = Field(description="The one with which it shares most.")
    share: float = Field(description="Part of its values, from 0.5 to 1.")
    tensors: int
    equal: int
    differing: list[str] = Field(description="Names of the first tensors that differ.")
    is_related: bool = Field(description="Whether both descend from one checkpoint, as is known.")
    sentence: str


class StraySteps(BaseModel):
    """Steps of a training run that are not what their names say."""

    run: str
    steps: list[int]
    checkpoints: list[str]
    sentence: str


class Repeats(BaseModel):
    """What a project holds twice, and which steps of its runs stand in the wrong place."""

    same: list[SameWeights]
    shared: list[SharedTensors]
    strays: list[StraySteps]
    unread: int = Field(description="Checkpoints whose tensors are not hashed yet.")

    @property
    def sentences(self) -> list[str]:
        """All that was found and is not said by lineage: what casts doubt on numbers first."""
        strays, same = [s.sentence for s in self.strays], [s.sentence for s in self.same]
        return [*strays, *same, *[s.sentence for s in self.shared if not s.is_related]]
