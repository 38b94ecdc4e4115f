"""Operations on checkpoints: each makes a new checkpoint with its lineage."""

import enum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kinscape.backend.contracts.projects import Id, Name, Tags

Layer = Annotated[str, Field(min_length=1, max_length=200)]


class OperationKind(enum.StrEnum):
    """What is done; the discriminator of its record."""

    PRUNE = "prune"
    QUANTISE = "quantise"
    RESET = "reset"
    RANDOMISE = "randomise"
    AVERAGE = "average"
    INTERPOLATE = "interpolate"
    MERGE = "merge"
    DIFFERENCE = "difference"


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def sources(self) -> tuple[int, int | None]:
        """Fewest and most checkpoints that it is made of; None for any number."""
        return 1, 1

    @property
    def keeps_function(self) -> bool:
        """Whether what is made runs as its first source does."""
        return True

    @property
    def words(self) -> str:
        """What was done, as a tag tells it."""
        settings = self.model_dump(exclude={"kind"}, exclude_defaults=True)
        kind = str(getattr(self, "kind", ""))
        told = [f"{name}={'+'.join(map(str, v)) if isinstance(v, list) else v}" for name, v in settings.items()]
        return f"{kind}({','.join(told)})"[:200]


class Prune(_Operation):
    """Set a share of the entries of all matrices to zero."""

    kind: Literal[OperationKind.PRUNE] = OperationKind.PRUNE
    share: Annotated[float, Field(ge=0, le=1)]
    per_layer: bool = Field(default=False, description="Each matrix loses this share; else all are ranked together.")
    at_random: bool = Field(default=False, description="By chance instead of by size.")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class Quantise(_Operation):
    """Round all matrices to few values, written back as floats."""

    kind: Literal[OperationKind.QUANTISE] = OperationKind.QUANTISE
    bits: Annotated[int, Field(ge=2, le=16)]
    per_tensor: bool = Field(default=False, description="One scale for a matrix; else one for each output channel.")


class Reset(_Operation):
    """Take some layers from a second checkpoint, such as the start."""

    kind: Literal[OperationKind.RESET] = OperationKind.RESET
    layers: Annotated[list[Layer], Field(min_length=1, max_length=200)]

    @property
    def sources(self) -> tuple[int, int | None]:
        """The checkpoint, and the one that the layers come from."""
        return 2, 2


class Randomise(_Operation):
    """Draw some layers again, as before training."""

    kind: Literal[OperationKind.RANDOMISE] = OperationKind.RANDOMISE
    layers: Annotated[list[Layer], Field(min_length=1, max_length=200)]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class Average(_Operation):
    """The mean of several checkpoints of one architecture."""

    kind: Literal[OperationKind.AVERAGE] = OperationKind.AVERAGE

    @property
    def sources(self) -> tuple[int, int | None]:
        """Two or more."""
        return 2, None


class Interpolate(_Operation):
    """A point of the straight line from one checkpoint (0) to another (1); beyond them, too."""

    kind: Literal[OperationKind.INTERPOLATE] = OperationKind.INTERPOLATE
    at: Annotated[float, Field(ge=-2, le=3)]

    @property
    def sources(self) -> tuple[int, int | None]:
        """Both ends."""
        return 2, 2


class Merge(_Operation):
    """Put a LoRA adapter into the checkpoint that it was trained on."""

    kind: Literal[OperationKind.MERGE] = OperationKind.MERGE
    alpha: Annotated[float, Field(gt=0, le=1e6, description="lora_alpha of the adapter's configuration.")]
    rank_stabilised: bool = Field(default=False, description="Scaled by the root of the rank (use_rslora).")
    transposed: bool = Field(default=False, description="The base keeps matrices as (in, out) (fan_in_fan_out).")

    @property
    def sources(self) -> tuple[int, int | None]:
        """The base, and the adapter."""
        return 2, 2


class Difference(_Operation):
    """What tuning changed: the first checkpoint minus the second, as weights alone."""

    kind: Literal[OperationKind.DIFFERENCE] = OperationKind.DIFFERENCE

    @property
    def sources(self) -> tuple[int, int | None]:
        """The tuned one, and its base."""
        return 2, 2

    @property
    def keeps_function(self) -> bool:
        """A difference is no network."""
        return False


Operation = Annotated[
    Prune | Quantise | Reset | Randomise | Average | Interpolate | Merge | Difference, Field(discriminator="kind")
]


class DerivationRequest(BaseModel):
    """A checkpoint to be made from others."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    operation: Operation
    of: Annotated[list[Id | Name], Field(min_length=1, max_length=100)]
    group: Annotated[str, Field(max_length=100)] = ""
    tags: Tags = Field(default_factory=dict)
