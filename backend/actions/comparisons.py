"""Asking for comparisons, watching, cancelling, adding to them."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kinscape.backend.actions import plans, probe_roles
from kinscape.backend.contracts.cards import Arity
from kinscape.backend.contracts.comparisons import (
    AskedMeasure,
    Comparison,
    ComparisonChange,
    ComparisonCreate,
    ComparisonState,
    Counts,
    Progress,
)
from kinscape.backend.contracts.jobs import ENDED, OPEN, JobKind, JobState
from kinscape.backend.contracts.plans import Plan
from kinscape.backend.contracts.problems import Conflict, Unprocessable
from kinscape.backend.contracts.shares import Share, ShareScope
from kinscape.backend.store import cards, checkpoints, comparisons, deletion, jobs, probes, projects, questions, studies
from kinscape.backend.store.files import LEAST_FREE_BYTES, Files
from kinscape.backend.store.jobs import Tally
from kinscape.backend.store.pages import EVERYTHING, Listed, Window
from kinscape.backend.store.tables import CheckpointRow, ComparisonRow, ProbeRow

# Before three pieces are done, their mean time says little of those to come.
FEWEST_FOR_ESTIMATE = 3
PASSES = (JobKind.FORWARD, JobKind.MODEL)
WORK = (*PASSES, JobKind.TILE)


def preview(session: Session, project: int, request: ComparisonCreate) -> Plan:
    """What a comparison would compute; nothing is written."""
    wanted = plans.check(session, project, request)
    work = plans.plan(session, wanted)
    # Stand in for the numbers that new questions would get.
    numbers = {question.key: k for k, question in enumerate(wanted.questions(), start=1)}
    jobs_needed = len(work.jobs(numbers, request))
    asked = wanted.specification()
    return Plan(
        counts=Counts(new=work.new, reused=work.reused),
        jobs=jobs_needed,
        seconds=work.seconds,
        warnings=probe_roles.warnings(session, asked.probe, asked.train_probe),
    )


def ask(session: Session, project: int, request: ComparisonCreate, *, trace: str = "") -> tuple[ComparisonRow, bool]:
    """A comparison for this request, and whether it is a new one.

    The same question asked again is the same comparison; what failed or was cancelled is
    queued again.
    """
    projects.lock(session, project)
    wanted = plans.check(session, project, request)
    specification = wanted.specification()
    there = comparisons.with_specification(session, project, specification.digest())
    if there is not None and there.state is ComparisonState.RUNNING and there.deleted is None:
        return there, False
    numbers = questions.add(session, wanted.questions())
    work = plans.plan(session, wanted)
    row = there or ComparisonRow(
        project_id=project,
        name=request.name,
        specification=specification,
        specification_hash=specification.digest(),
        state=ComparisonState.RUNNING,
        detail_of_id=_detailed(session, project, request.detail_of),
    )
    if request.detail_of is None:
        # Asked for its own sake now, whatever it was before.
        row.detail_of_id = None
    row.cells_new, row.cells_reused = work.new, work.reused
    row.deleted = None
    if there is not None and not work.new:
        return row, False
    row.state = ComparisonState.RUNNING
    session.add(row)
    session.flush()
    if there is not None:
        jobs.forget_ended(session, row.id)
    else:
        names = [(numbers[q.key], a.name) for a in wanted.measures for q in wanted.questions_of(a)]
        questions.attach(session, row.id, names)
    jobs.add_all(session, work.jobs(numbers, request), comparisons=[row.id], request=trace)
    jobs.end_when_done(session, row)
    return row, there is None


def _detailed(session: Session, project: int, id: int | None) -> int | None:
    """The number of the comparison whose detail another one is; details of a detail are those of the first.

    Raises:
        Unprocessable: it belongs to another project.
    """
    if id is None:
        return None
    row = comparisons.get(session, id)
    if row.project_id != project:
        raise Unprocessable(f"Comparison {id} belongs to another project.")
    return row.detail_of_id or row.id


def add(session: Session, id: int, added: list[int], *, trace: str = "") -> Comparison:
    """The same comparison with more checkpoints; only what is new is computed."""
    row = comparisons.get(session, id)
    if row.specification.pairs:
        raise Conflict("This comparison names its pairs, so nothing says which pairs more checkpoints would have.")
    request = row.specification.extended(added, name=row.name)
    larger, _ = ask(session, row.project_id, request, trace=trace)
    return get(session, larger.id)


def cancel(session: Session, id: int) -> Comparison:
    """Stop a running comparison; cells that are there stay."""
    row = comparisons.locked(session, id)
    if row.state is not ComparisonState.RUNNING:
        raise Conflict(f"This comparison is {row.state}; there is nothing to cancel.")
    jobs.cancel(session, id)
    row.state = ComparisonState.CANCELLED
    row.version += 1
    row.finished = session.scalar(select(func.now()))
    return get(session, id)


def retry(session: Session, id: int) -> Comparison:
    """Queue the failed and cancelled pieces of a comparison again."""
    row = comparisons.locked(session, id)
    if row.state is ComparisonState.RUNNING:
        raise Conflict("This comparison is running; wait for it or cancel it first.")
    if not jobs.retry(session, id):
        raise Conflict("Nothing of this comparison failed or was cancelled; there is nothing to retry.")
    row.state = ComparisonState.RUNNING
    row.version += 1
    return get(session, id)


def as_opened(asked: Comparison, share: Share | None) -> Comparison:
    """A comparison as a link opens it; by one to a single matrix, its measure alone."""
    if share is None or share.scope is ShareScope.COMPARISON:
        return asked
    measures = [m for m in asked.measures if m.key == share.measure]
    return asked.model_copy(update={"measures": measures, "log": [], "study": None, "notes": "", "detail_of": None})


def change(session: Session, id: int, wanted: ComparisonChange) -> Comparison:
    """Another name, or other notes."""
    row = comparisons.locked(session, id)
    if wanted.name is not None:
        row.name = wanted.name
    if wanted.notes is not None:
        row.notes = wanted.notes
    return get(session, id)


def delete(session: Session, id: int) -> None:
    """Put a comparison away, with its links; what is being computed of it is cancelled."""
    row = comparisons.locked(session, id)
    resting = studies.registered_on(session, id)
    if resting:
        raise Conflict(f"The preregistered study {resting[0]!r} rests on this comparison, which stays as it does.")
    if row.state is ComparisonState.RUNNING:
        cancel(session, id)
    deletion.put_away(session, row)


def restore(session: Session, id: int) -> Comparison:
    """Bring a deleted comparison back, with its links and with what it shows.

    Raises:
        Conflict: a checkpoint or probe set that it shows was deleted, and another one has its name now.
    """
    row = deletion.deleted(session, ComparisonRow, id)
    projects.get(session, row.project_id)
    asked = row.specification
    for checkpoint in [*asked.checkpoints, *(i for m in asked.measures for i in m.references)]:
        deletion.bring_back(session, CheckpointRow, checkpoint)
    for probe in filter(None, (asked.probe, asked.train_probe)):
        deletion.bring_back(session, ProbeRow, probe)
    row.deleted = None
    session.flush()
    return get(session, id)


def get(session: Session, id: int) -> Comparison:
    """One comparison."""
    return _described(session, [comparisons.get(session, id)])[0]


def of_project(
    session: Session, project: int, window: Window = EVERYTHING, *, are_deleted: bool = False
) -> Listed[Comparison]:
    """Comparisons of a project, or its deleted ones, newest first."""
    projects.get(session, project)
    rows = comparisons.of_project(session, project, window, are_deleted=are_deleted, with_details=are_deleted)
    return rows.made(lambda some: _described(session, some))


def running(session: Session, window: Window = EVERYTHING) -> Listed[Comparison]:
    """Comparisons that are being computed."""
    return comparisons.running(session, window).made(lambda rows: _described(session, rows))


def progress(session: Session, files: Files, id: int) -> Progress:
    """How far a comparison is, and what it waits for."""
    row = comparisons.get(session, id)
    return waiting_for_room(progress_from(row, jobs.tallies(session, [id])[id]), files)


def waiting_for_room(progress: Progress, files: Files) -> Progress:
    """What is running on a full disk waits, and says so."""
    if progress.state is not ComparisonState.RUNNING or files.has_room_for_work():
        return progress
    sentence = (
        f"Work waits: the server's disk has {files.free_bytes() >> 20} MiB free and needs {LEAST_FREE_BYTES >> 20}. It "
        "goes on by itself when there is room."
    )
    return progress.model_copy(update={"waiting": sentence})


def _described(session: Session, rows: Sequence[ComparisonRow]) -> list[Comparison]:
    """Comparisons as their users see them."""
    tallies = jobs.tallies(session, [r.id for r in rows])
    arities = {slug: card.arity for slug, card in cards.measures(session).items()}
    names = checkpoints.names(session, {i for r in rows for i in r.specification.checkpoints})
    sets = {i for r in rows for i in r.specification.probes}
    probe_names = probes.names(session, sets)
    answered = studies.newest_of(session, {r.id for r in rows})
    project_names = projects.names(session, {r.project_id for r in rows})
    out = []
    for row in rows:
        asked = row.specification
        ids = [i for i in asked.checkpoints if i in names]
        out.append(
            Comparison(
                id=row.id,
                project=row.project_id,
                project_name=project_names[row.project_id],
                name=row.name,
                checkpoints=ids,
                labels=[names[i] for i in ids],
                probe=probe_names[asked.probe],
                train_probe=None if asked.train_probe is None else probe_names[asked.train_probe],
                measures=_asked(session, row, arities, probe_names),
                layers=asked.layers,
                layer_pairs=asked.layer_pairs,
                reduction=asked.reduction,
                precision=asked.precision,
                seed=asked.seed,
                counts=Counts(new=row.cells_new, reused=row.cells_reused),
                progress=progress_from(row, tallies[row.id]),
                log=jobs.failures(session, row.id),
                notes=row.notes,
                study=answered.get(row.id),
                detail_of=row.detail_of_id,
                created=row.created,
            )
        )
    return out


def _asked(
    session: Session, row: ComparisonRow, arities: dict[str, Arity], probe_names: dict[int, str]
) -> list[AskedMeasure]:
    layers: dict[str, list[tuple[str, str]]] = {}
    roles: dict[str, str] = {}
    for name, question in questions.of_comparison(session, row.id):
        layers.setdefault(name, [])
        roles[name] = question.role
        if question.layer_a:
            layers[name].append((question.layer_a, question.layer_b))
    return [
        AskedMeasure(
            key=m.name,
            slug=m.slug,
            version=m.version,
            parameters=m.parameters,
            arity=arities.get(m.slug, Arity.PAIR),
            layers=layers.get(m.name, []),
            references=m.references,
            probe="" if m.probe is None else probe_names[m.probe],
            role=roles.get(m.name, ""),
        )
        for m in row.specification.measures
    ]


def progress_from(row: ComparisonRow, tallies: Sequence[Tally]) -> Progress:
    """How far a comparison is, from how many of its jobs are in which state."""

    def count(kinds: Sequence[JobKind], states: Sequence[JobState] = tuple(JobState)) -> int:
        return sum(t.count for t in tallies if t.kind in kinds and t.state in states)

    left = None
    if row.state is ComparisonState.RUNNING and count(WORK, [JobState.DONE]) >= FEWEST_FOR_ESTIMATE:
        left = _seconds_left([t for t in tallies if t.kind in WORK])
    return Progress(
        state=row.state,
        models_done=count(PASSES, ENDED),
        models=count(PASSES),
        tiles_done=count([JobKind.TILE], ENDED),
        tiles=count([JobKind.TILE]),
        failed=count([*WORK, JobKind.SUMMARISE], [JobState.FAILED]),
        seconds_left=left,
        version=row.version,
    )


def _seconds_left(tallies: Sequence[Tally]) -> float:
    """What is open of each kind at the mean of what is done of it, shared by those who are at work."""
    done = {t.kind: t for t in tallies if t.state is JobState.DONE}
    usual = sum(t.seconds for t in done.values()) / sum(t.count for t in done.values())
    at_work = sum(t.count for t in tallies if t.state is JobState.RUNNING)
    each = {kind: t.seconds / t.count for kind, t in done.items() if t.count}
    return sum(each.get(t.kind, usual) * t.count for t in tallies if t.state in OPEN) / max(1, at_work)
