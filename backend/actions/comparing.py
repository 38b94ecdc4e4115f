"""Asking for comparisons, watching, cancelling, adding to them."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.actions import planning
from backend.contracts.comparisons import (
    PENULTIMATE,
    AskedMeasure,
    Comparison,
    ComparisonCreate,
    ComparisonState,
    Counts,
    Plan,
    Progress,
)
from backend.contracts.problems import Conflict
from backend.store import cards, comparisons, jobs
from backend.store import cells as cells_store
from backend.store import projects as rows
from backend.store.tables import ComparisonRow

FEWEST_FOR_ESTIMATE = 3


def preview(session: Session, project: int, request: ComparisonCreate) -> Plan:
    """What a comparison would compute."""
    work = planning.plan(session, planning.check(session, project, request))
    return Plan(counts=Counts(new=work.new, reused=work.reused), jobs=len(work.jobs), seconds=work.seconds)


def ask(session: Session, project: int, request: ComparisonCreate, *, trace: str = "") -> tuple[ComparisonRow, bool]:
    """A comparison for this request, and whether it is a new one.

    The same question asked again is the same comparison; what failed or was cancelled is
    queued again.
    """
    rows.lock_project(session, project)
    wanted = planning.check(session, project, request)
    there = comparisons.with_specification(session, project, wanted.digest())
    work = planning.plan(session, wanted)
    if there is not None and there.state == "running":
        return there, False
    row = there or ComparisonRow(
        project_id=project, name=request.name, specification=wanted.stored(),
        specification_hash=wanted.digest(), state="running",
    )  # fmt: skip
    row.cells_new, row.cells_reused = work.new, work.reused
    if there is not None and not work.new:
        return row, False
    row.state = "running"
    session.add(row)
    session.flush()
    if there is not None:
        jobs.forget_ended(session, row.id)
    else:
        comparisons.ask(session, row.id, work.questions)
    for kind, payload in work.jobs:
        jobs.add(session, kind, payload, comparison=row.id, request=trace)
    jobs.end_when_done(session, row)
    return row, there is None


def extended(session: Session, id: int, added: list[int]) -> tuple[int, ComparisonCreate]:
    """The project and the request of a comparison with more checkpoints."""
    row = comparisons.comparison(session, id)
    kept = row.specification
    request = ComparisonCreate(
        name=row.name,
        checkpoints=list(dict.fromkeys([*kept["checkpoints"], *added])),
        probe=kept["probe"],
        train_probe=kept["train_probe"],
        measures=[
            {"slug": m["slug"], "parameters": m["parameters"], "references": m.get("references", [])}
            for m in kept["measures"]
        ],
        layers=[] if kept["layers"] == [PENULTIMATE] else kept["layers"],
        layer_pairs=kept["layer_pairs"],
        reduction=kept["reduction"],
        precision=kept["precision"],
        seed=kept["seed"],
    )
    return row.project_id, request


def cancel(session: Session, id: int) -> ComparisonRow:
    """Stop a running comparison; cells that are there stay."""
    row = comparisons.locked(session, id)
    if row.state != "running":
        raise Conflict(f"This comparison is {row.state}; there is nothing to cancel.")
    jobs.cancel(session, id)
    row.state = "cancelled"
    row.version += 1
    row.finished = session.scalar(select(func.now()))
    return row


def retry(session: Session, id: int) -> ComparisonRow:
    """Queue the failed and cancelled pieces of a comparison again."""
    row = comparisons.locked(session, id)
    if row.state == "running":
        raise Conflict("This comparison is running; wait for it or cancel it first.")
    if not jobs.retry(session, id):
        raise Conflict("Nothing of this comparison failed or was cancelled; there is nothing to retry.")
    row.state = "running"
    row.version += 1
    return row


def describe(session: Session, found: list[ComparisonRow]) -> list[Comparison]:
    """Comparisons as their users see them."""
    tallies = jobs.tallies(session, [r.id for r in found])
    known = cards.measures(session)
    everyone = {i for r in found for i in r.specification["checkpoints"]}
    names = rows.names_of(session, everyone)
    out = []
    for row in found:
        kept = row.specification
        train = kept["train_probe"]
        ids = [i for i in kept["checkpoints"] if i in names]
        out.append(
            Comparison(
                id=row.id, project=row.project_id, project_name=rows.project(session, row.project_id).name,
                name=row.name, checkpoints=ids, labels=[names[i] for i in ids],
                probe=rows.probe(session, kept["probe"]).name,
                train_probe=None if train is None else rows.probe(session, train).name,
                measures=_asked(session, row, {s: c.arity for s, c in known.items()}),
                layers=kept["layers"], reduction=kept["reduction"], precision=kept["precision"],
                seed=kept["seed"], counts=Counts(new=row.cells_new, reused=row.cells_reused),
                progress=progress(row, tallies[row.id]), log=jobs.failures(session, row.id),
                created=row.created,
            )
        )  # fmt: skip
    return out


def _asked(session: Session, row: ComparisonRow, arities: dict[str, str]) -> list[AskedMeasure]:
    layers: dict[str, list[tuple[str, str]]] = {}
    roles: dict[str, str] = {}
    for name, question in cells_store.questions_of(session, row.id):
        layers.setdefault(name, [])
        roles[name] = question.role
        if question.layer_a:
            layers[name].append((question.layer_a, question.layer_b))
    return [
        AskedMeasure(
            key=m["name"], slug=m["slug"], version=m["version"], parameters=m["parameters"],
            arity=arities.get(m["slug"], "pair"), layers=layers.get(m["name"], []),
            role=roles.get(m["name"], ""),
        )
        for m in row.specification["measures"]
    ]  # fmt: skip


def progress(row: ComparisonRow, tally: list[tuple[str, str, int, float]]) -> Progress:
    """How far a comparison is, from its jobs as (kind, state, how many, seconds)."""

    def count(kinds: tuple[str, ...], states: tuple[str, ...] | None = None) -> int:
        return sum(n for kind, state, n, _ in tally if kind in kinds and (states is None or state in states))

    models, tiles = ("forward", "model"), ("tile",)
    ended = ("done", "failed", "cancelled")
    work = (*models, *tiles)
    left = None
    if row.state == "running" and count(work, ("done",)) >= FEWEST_FOR_ESTIMATE:
        left = _seconds_left([t for t in tally if t[0] in work])
    return Progress(
        state=ComparisonState(row.state), models_done=count(models, ended), models=count(models),
        tiles_done=count(tiles, ended), tiles=count(tiles), failed=count((*work, "order"), ("failed",)),
        seconds_left=left, version=row.version,
    )  # fmt: skip


def _seconds_left(tally: list[tuple[str, str, int, float]]) -> float:
    """What is open of each kind at the mean of what is done of it, shared by those who are at work."""
    done = {kind: (n, seconds) for kind, state, n, seconds in tally if state == "done"}
    usual = sum(s for _, s in done.values()) / sum(n for n, _ in done.values())
    open_ = [(kind, n) for kind, state, n, _ in tally if state in ("queued", "running")]
    at_work = sum(n for _, state, n, _ in tally if state == "running")
    each = {kind: seconds / n for kind, (n, seconds) in done.items() if n}
    return sum(each.get(kind, usual) * n for kind, n in open_) / max(1, at_work)


def progress_of(session: Session, id: int) -> Progress:
    """How far a comparison is."""
    row = comparisons.comparison(session, id)
    return progress(row, jobs.tallies(session, [id])[id])


def comparison(session: Session, id: int) -> Comparison:
    """One comparison."""
    return describe(session, [comparisons.comparison(session, id)])[0]


def of_project(session: Session, project: int) -> list[Comparison]:
    """All comparisons of a project, newest first."""
    rows.project(session, project)
    return describe(session, comparisons.comparisons(session, project))


def running(session: Session) -> list[Comparison]:
    """All comparisons that are being computed."""
    return describe(session, comparisons.running(session))
