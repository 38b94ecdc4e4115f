"""Every table, in SQLAlchemy's words."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, MetaData, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kinscape.backend.contracts.cards import ArchitectureCard, Arity, Card, Input, Role
from kinscape.backend.contracts.cells import Column, Told
from kinscape.backend.contracts.checkpoints import CheckpointFacts, Level
from kinscape.backend.contracts.comparisons import ComparisonState, Specification
from kinscape.backend.contracts.jobs import JOB, Job, JobKind, JobState
from kinscape.backend.contracts.probes import ProbeFacts, ProbeRole
from kinscape.backend.contracts.shares import ShareScope
from kinscape.backend.contracts.studies import Change, Registration, StudySpecification
from kinscape.backend.contracts.uploads import State, UploadKind
from kinscape.backend.store.types import EnumText, Record

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The root of all tables."""

    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map = {  # noqa: RUF012  (the shape SQLAlchemy asks for)
        int: BigInteger,
        dt.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class Key:
    """A generated primary key and the time a row was made."""

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    created: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Deletable(Key):
    """What a user may delete, and restore for some days."""

    deleted: Mapped[dt.datetime | None] = mapped_column(index=True)


EMPTY = text("'{}'::jsonb")
NOTHING = text("'[]'::jsonb")
# Names are free again when what had them was deleted.
THERE = text("deleted is null")


class ProjectRow(Deletable, Base):
    """A project."""

    __tablename__ = "projects"
    __table_args__ = (Index("uq_projects_name", "name", unique=True, postgresql_where=THERE),)
    name: Mapped[str]
    notes: Mapped[str] = mapped_column(server_default="")


class CheckpointRow(Deletable, Base):
    """A checkpoint: weights, architecture, lineage."""

    __tablename__ = "checkpoints"
    __table_args__ = (
        Index("uq_checkpoints_project_id", "project_id", "name", unique=True, postgresql_where=THERE),
        # Not unique: two runs share their start.
        Index("ix_checkpoints_content", "project_id", "content_hash", "architecture_hash"),
    )
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    group_name: Mapped[str] = mapped_column(server_default="")
    notes: Mapped[str] = mapped_column(server_default="")
    tags: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"))
    init_of_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"))
    teacher_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"))
    root_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"))
    run: Mapped[str] = mapped_column(server_default="")
    step: Mapped[int | None]
    kind: Mapped[str] = mapped_column(server_default="weights")
    architecture: Mapped[str | None]
    arguments: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    architecture_hash: Mapped[str] = mapped_column(server_default="")
    normalisation: Mapped[dict[str, Any] | None]
    class_order: Mapped[list[Any] | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    upload_hash: Mapped[str | None]
    file_hash: Mapped[str | None]
    content_hash: Mapped[str | None]
    size_bytes: Mapped[int | None]
    facts: Mapped[CheckpointFacts] = mapped_column("found", Record(CheckpointFacts), server_default=EMPTY)
    layers: Mapped[list[Any]] = mapped_column(server_default=NOTHING)
    state: Mapped[State] = mapped_column(EnumText(State))
    reason: Mapped[str] = mapped_column(server_default="")

    @property
    def level(self) -> Level:
        """What it can be asked for."""
        return self.facts.level or (Level.WEIGHTS if self.architecture is None else Level.NETWORK)


class FingerprintRow(Base):
    """Hashes of a checkpoint's tensors, and a sketch of all of them."""

    __tablename__ = "fingerprints"
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    hashes: Mapped[bytes]
    sketch: Mapped[bytes]


class ProbeRow(Deletable, Base):
    """A probe set."""

    __tablename__ = "probes"
    __table_args__ = (Index("uq_probes_project_id", "project_id", "name", unique=True, postgresql_where=THERE),)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    notes: Mapped[str] = mapped_column(server_default="")
    role: Mapped[ProbeRole] = mapped_column(EnumText(ProbeRole))
    normalisation: Mapped[dict[str, Any] | None]
    upload_hash: Mapped[str | None]
    file_hash: Mapped[str | None]
    content_hash: Mapped[str | None]
    facts: Mapped[ProbeFacts] = mapped_column("found", Record(ProbeFacts), server_default=EMPTY)
    state: Mapped[State] = mapped_column(EnumText(State))
    reason: Mapped[str] = mapped_column(server_default="")


class UploadRow(Key, Base):
    """A file on its way in, as tus sees it."""

    __tablename__ = "uploads"
    token: Mapped[str] = mapped_column(unique=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    kind: Mapped[UploadKind] = mapped_column(EnumText(UploadKind))
    description: Mapped[dict[str, Any]]
    size_bytes: Mapped[int]
    offset_bytes: Mapped[int] = mapped_column(server_default="0")
    expires: Mapped[dt.datetime]
    finished_id: Mapped[int | None]


class ComparisonRow(Deletable, Base):
    """A comparison: what was asked, and how far it is."""

    __tablename__ = "comparisons"
    __table_args__ = (UniqueConstraint("project_id", "specification_hash"),)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(server_default="")
    specification: Mapped[Specification] = mapped_column(Record(Specification))
    specification_hash: Mapped[str]
    state: Mapped[ComparisonState] = mapped_column(EnumText(ComparisonState))
    cells_new: Mapped[int] = mapped_column(server_default="0")
    cells_reused: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="0")
    finished: Mapped[dt.datetime | None]
    notes: Mapped[str] = mapped_column(server_default="")
    # Asked on the page of this one, for more of what it shows: not listed beside it.
    detail_of_id: Mapped[int | None] = mapped_column(ForeignKey("comparisons.id", ondelete="SET NULL"), index=True)


class StudyRow(Key, Base):
    """A study: who plays which role, and what was frozen before it was run."""

    __tablename__ = "studies"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(server_default="")
    notes: Mapped[str] = mapped_column(server_default="")
    specification: Mapped[StudySpecification] = mapped_column(Record(StudySpecification))
    registration: Mapped[Registration | None] = mapped_column(Record(Registration))
    changes: Mapped[list[Change]] = mapped_column(Record(list[Change]), server_default=NOTHING)
    comparison_id: Mapped[int | None] = mapped_column(ForeignKey("comparisons.id", ondelete="SET NULL"), index=True)


class QuestionRow(Key, Base):
    """One measure with everything that a number depends on, except the checkpoints."""

    __tablename__ = "questions"
    key: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str]
    version: Mapped[int]
    arity: Mapped[Arity] = mapped_column(EnumText(Arity))
    input: Mapped[Input] = mapped_column(EnumText(Input))
    parameters: Mapped[dict[str, Any]]
    probe_id: Mapped[int | None] = mapped_column(ForeignKey("probes.id", ondelete="CASCADE"), index=True)
    train_probe_id: Mapped[int | None] = mapped_column(ForeignKey("probes.id", ondelete="CASCADE"), index=True)
    reference_ids: Mapped[list[Any]] = mapped_column(server_default=NOTHING)
    role: Mapped[Role] = mapped_column(EnumText(Role))
    layer_a: Mapped[str] = mapped_column(server_default="")
    layer_b: Mapped[str] = mapped_column(server_default="")
    reduction: Mapped[str] = mapped_column(server_default="")
    precision: Mapped[str]
    seed: Mapped[int]


class ComparisonQuestionRow(Base):
    """Which questions a comparison asks, in its order."""

    __tablename__ = "comparison_questions"
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True)
    question_id: Mapped[int] = mapped_column(
        ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    position: Mapped[int]
    measure: Mapped[str]


class MatrixRow(Base):
    """Cells of one question between one checkpoint and those that are not later than it, as arrays.

    A cell lies in the row of the later of its two checkpoints, so that one more checkpoint is one more row (two
    for a directed measure). Arrays are little-endian and equally long; NaN stands where a number is not there.
    """

    __tablename__ = "matrix_rows"
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True)
    checkpoint_id: Mapped[int] = mapped_column(
        ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    # Whether the later checkpoint stands first in its cells: a directed measure has a cell for either order.
    is_first: Mapped[bool] = mapped_column(primary_key=True)
    partners: Mapped[bytes]  # int64: the other checkpoint of each cell; ascending
    values: Mapped[bytes] = mapped_column("numbers")  # float64
    low: Mapped[bytes]  # float64, like high and chance
    high: Mapped[bytes]
    chance: Mapped[bytes]  # what shuffled samples score
    samples: Mapped[bytes]  # int32
    told: Mapped[bytes]  # int32: which of the texts belongs to each cell
    texts: Mapped[list[Told]] = mapped_column(Record(list[Told]))
    groups: Mapped[int]  # replicates of each cell
    # float32, cell by cell: each replicate minus the value, since float32 itself would lose small differences.
    deviations: Mapped[bytes] = mapped_column(deferred=True)
    updated: Mapped[dt.datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CellDetailRow(Base):
    """What a few cells have that others have not: notes, the columns of a curve, an error over random draws."""

    __tablename__ = "cell_details"
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True)
    a_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True, index=True)
    b_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True, index=True)
    monte_carlo_error: Mapped[float | None]
    notes: Mapped[dict[str, Any]] = mapped_column(server_default=EMPTY)
    series: Mapped[dict[str, Column]] = mapped_column(Record(dict[str, Column]), server_default=EMPTY)


class JobRow(Key, Base):
    """A piece of work. This row, not the message that wakes a worker, is the truth."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_open", "state", "lease_until", postgresql_where=text("state in ('queued', 'running')")),
    )
    kind: Mapped[JobKind] = mapped_column(EnumText(JobKind))
    payload: Mapped[dict[str, Any]]
    state: Mapped[JobState] = mapped_column(EnumText(JobState), server_default=JobState.QUEUED)
    attempts: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[dt.datetime | None]
    worker: Mapped[str] = mapped_column(server_default="")
    error: Mapped[str] = mapped_column(server_default="")
    request: Mapped[str] = mapped_column(server_default="")
    sent: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    seconds: Mapped[float | None]
    finished: Mapped[dt.datetime | None]

    @property
    def job(self) -> Job:
        """What there is to do."""
        return JOB.validate_python({"kind": self.kind, **self.payload})


class ComparisonJobRow(Base):
    """Which jobs a comparison waits for."""

    __tablename__ = "comparison_jobs"
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, index=True)


class OrderRow(Base):
    """Seriation of one matrix of a comparison."""

    __tablename__ = "orders"
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True)
    question_id: Mapped[int] = mapped_column(
        ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    positions: Mapped[list[Any]]
    merges: Mapped[list[Any]]
    places: Mapped[list[Any]] = mapped_column(server_default=NOTHING)


class SummaryRow(Base):
    """What was worked out from a whole comparison."""

    __tablename__ = "summaries"
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[dict[str, Any]]


class TimingRow(Base):
    """How long a measure took here: seconds, and the work that was done in them; older ones count less."""

    __tablename__ = "timings"
    key: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[float]
    work: Mapped[float]


class CardRow(Base):
    """A measure's card, as the workers published it."""

    __tablename__ = "cards"
    slug: Mapped[str] = mapped_column(primary_key=True)
    card: Mapped[Card] = mapped_column(Record(Card))


class ArchitectureRow(Base):
    """An architecture of the registry, as the workers published it."""

    __tablename__ = "architectures"
    name: Mapped[str] = mapped_column(primary_key=True)
    card: Mapped[ArchitectureCard] = mapped_column(Record(ArchitectureCard))


class WorkerRow(Base):
    """A worker that was seen."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str]
    seen: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class ShareRow(Key, Base):
    """A link: only the hash of its token is kept."""

    __tablename__ = "shares"
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    view: Mapped[str]
    expires: Mapped[dt.datetime]
    revoked: Mapped[dt.datetime | None]
    last_used: Mapped[dt.datetime | None]
    may_export: Mapped[bool]
    masked: Mapped[bool] = mapped_column(server_default=text("false"))
    made_by: Mapped[str] = mapped_column(server_default="")
    scope: Mapped[ShareScope] = mapped_column(EnumText(ShareScope), server_default=ShareScope.COMPARISON.value)
    results_version: Mapped[int]


class EventRow(Key, Base):
    """A change that somebody made."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_created", "created"),)
    client: Mapped[str]
    action: Mapped[str]
    path: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
