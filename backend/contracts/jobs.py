"""Pieces of work, one record for each kind: what each is about, where it waits, how it is split."""

import enum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from kinscape.backend.contracts.comparisons import Precision, Reduction
from kinscape.backend.contracts.operations import Operation
from kinscape.backend.contracts.probes import Layout, Scale
from kinscape.backend.contracts.projects import Id


class Queue(enum.StrEnum):
    """Which workers a job waits for."""

    INSPECTION = "inspection"
    COMPUTE = "compute"


class JobState(enum.StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (JobState.QUEUED, JobState.RUNNING)
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class JobKind(enum.StrEnum):
    """What a job does; the discriminator of its record."""

    INSPECT_CHECKPOINT = "inspect-checkpoint"
    INSPECT_PROBE = "inspect-probe"
    ADD_BUILTIN = "add-builtin"
    DERIVE = "derive"
    FINGERPRINT = "fingerprint"
    VERIFY = "verify"
    FORWARD = "forward"
    MODEL = "model"
    TILE = "tile"
    SUMMARISE = "summarise"

    @property
    def queue(self) -> Queue:
        """Where jobs of this kind wait: what opens files of strangers is kept apart from what computes."""
        return Queue.INSPECTION if self in OF_FILES else Queue.COMPUTE


OF_FILES = (
    JobKind.INSPECT_CHECKPOINT,
    JobKind.INSPECT_PROBE,
    JobKind.ADD_BUILTIN,
    JobKind.DERIVE,
    JobKind.FINGERPRINT,
)


class _Work(BaseModel):
    model_config = ConfigDict(frozen=True)

    def pieces(self) -> list["Job"]:
        """The same work in smaller jobs, so that a broken or slow number stands alone; or itself."""
        return [self]  # type: ignore[list-item]


class InspectCheckpoint(_Work):
    """Open an uploaded checkpoint in the sandbox and settle its architecture."""

    kind: Literal[JobKind.INSPECT_CHECKPOINT] = JobKind.INSPECT_CHECKPOINT
    checkpoint: Id
    weights: str = Field(default="", description="Which set of weights of the file; the usual one when left out.")
    probe: str = Field(default="", description="The probe set that was recorded; found by its samples when left out.")


class Derive(_Work):
    """Make a checkpoint from others, and settle it as if it had been uploaded."""

    kind: Literal[JobKind.DERIVE] = JobKind.DERIVE
    checkpoint: Id
    operation: Operation
    sources: list[Id]


class Fingerprint(_Work):
    """Hash the tensors of a checkpoint that was inspected before tensors were hashed."""

    kind: Literal[JobKind.FINGERPRINT] = JobKind.FINGERPRINT
    checkpoint: Id


class Verify(_Work):
    """Compare the outputs of a checkpoint for the first samples of a probe set with those that its owner gave."""

    kind: Literal[JobKind.VERIFY] = JobKind.VERIFY
    checkpoint: Id
    probe: Id
    logits: list[list[float]]


class InspectProbe(_Work):
    """Open an uploaded probe set in the sandbox."""

    kind: Literal[JobKind.INSPECT_PROBE] = JobKind.INSPECT_PROBE
    probe: Id
    scale: Scale = Scale.UNIT
    layout: Layout = Layout.RECOGNISED


class AddBuiltin(_Work):
    """Make a probe set of samples that come with the program."""

    kind: Literal[JobKind.ADD_BUILTIN] = JobKind.ADD_BUILTIN
    probe: Id


class Forward(_Work):
    """One forward pass of one checkpoint, all layers at once."""

    kind: Literal[JobKind.FORWARD] = JobKind.FORWARD
    checkpoint: Id
    probe: Id
    layers: list[str]
    reduction: Reduction
    precision: Precision


class ModelJob(_Work):
    """Every asked number of one checkpoint."""

    kind: Literal[JobKind.MODEL] = JobKind.MODEL
    checkpoint: Id
    questions: list[Id]

    def pieces(self) -> list["Job"]:
        """One job for each question."""
        return [ModelJob(checkpoint=self.checkpoint, questions=[q]) for q in self.questions]


class TilePart(BaseModel):
    """Cells of one question that are not known: those of each row with every member that is not later than it."""

    model_config = ConfigDict(frozen=True)
    question: Id
    rows: list[Id]
    members: list[Id]

    def halves(self) -> list["TilePart"]:
        """The same cells in two parts: fewer rows, or fewer members of a single row."""
        for name, ids in (("rows", self.rows), ("members", self.members)):
            if len(ids) > 1:
                middle = len(ids) // 2
                return [self.model_copy(update={name: some}) for some in (ids[:middle], ids[middle:])]
        return [self]


class Tile(_Work):
    """Blocks of pairs, one question after the other."""

    kind: Literal[JobKind.TILE] = JobKind.TILE
    parts: list[TilePart]

    def pieces(self) -> list["Job"]:
        """One job for each question; of one question, half of its cells each."""
        smaller = self.parts if len(self.parts) > 1 else self.parts[0].halves()
        return [Tile(parts=[part]) for part in smaller]


class Summarise(_Work):
    """Order the matrices of a comparison, and work out its associations and agreements."""

    kind: Literal[JobKind.SUMMARISE] = JobKind.SUMMARISE
    comparison: Id


Job = Annotated[
    InspectCheckpoint
    | InspectProbe
    | AddBuiltin
    | Derive
    | Fingerprint
    | Verify
    | Forward
    | ModelJob
    | Tile
    | Summarise,
    Field(discriminator="kind"),
]
JOB: TypeAdapter[Job] = TypeAdapter(Job)
