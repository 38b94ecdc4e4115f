"""Checkpoints made from others on the server."""

from sqlalchemy.orm import Session

from kinscape.backend.actions.checkpoints import described
from kinscape.backend.actions.uploads import short
from kinscape.backend.contracts.checkpoints import Checkpoint, CheckpointFacts, Level
from kinscape.backend.contracts.jobs import Derive
from kinscape.backend.contracts.operations import Average, DerivationRequest, Interpolate, Randomise
from kinscape.backend.contracts.problems import Conflict, NotFound, Unprocessable
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import checkpoints, jobs, projects
from kinscape.backend.store.tables import CheckpointRow

# What was done, as a tag that filters find.
TAG = "made-by"


def derive(session: Session, project: int, wanted: DerivationRequest) -> Checkpoint:
    """A new checkpoint that a worker makes from others; it is inspected like one that was uploaded.

    Raises:
        NotFound, Conflict, Unprocessable: what it is to be made of, or its name; the sentence says what to change.
    """
    projects.lock(session, project)
    sources = [_source(session, project, one) for one in wanted.of]
    _check(wanted, sources)
    if checkpoints.named(session, project, wanted.name):
        raise Conflict(f"A checkpoint named {short(wanted.name)} exists already; choose another name.")
    first = sources[0]
    # A mixture descends from none of its sources more than from the others: it is a member of their families.
    is_mixture = isinstance(wanted.operation, Average | Interpolate)
    row = CheckpointRow(
        project_id=project,
        name=wanted.name,
        group_name=wanted.group,
        tags={**_shared_tags(sources), **wanted.tags, TAG: wanted.operation.words},
        parent_id=first.id,
        init_of_id=sources[1].id if is_mixture else first.init_of_id,
        teacher_id=first.teacher_id,
        root_id=first.root_id or first.id,
        run="",
        architecture=first.architecture if wanted.operation.keeps_function else None,
        arguments=first.arguments if wanted.operation.keeps_function else {},
        normalisation=first.normalisation,
        class_order=first.class_order,
        metrics={},
        facts=CheckpointFacts(),
        state=State.INSPECTING,
    )
    session.add(row)
    session.flush()
    jobs.add(session, Derive(checkpoint=row.id, operation=wanted.operation, sources=[s.id for s in sources]))
    session.flush()
    return described(session, [row])[0]


def _source(session: Session, project: int, which: int | str) -> CheckpointRow:
    found = checkpoints.named(session, project, which) if isinstance(which, str) else checkpoints.find(session, which)
    if found is None or found.project_id != project:
        raise NotFound(f"There is no checkpoint {short(str(which))} in this project.")
    if found.state is not State.READY:
        raise Unprocessable(f"Checkpoint {short(found.name)} is {found.state}, not ready.")
    return found


def _check(wanted: DerivationRequest, sources: list[CheckpointRow]) -> None:
    kind = wanted.operation.kind
    fewest, most = wanted.operation.sources
    if len(sources) < fewest or (most is not None and len(sources) > most):
        count = f"{fewest} or more" if most is None else str(fewest)
        raise Unprocessable(f"To {kind} takes {count} checkpoint{'' if count == '1' else 's'}, not {len(sources)}.")
    for source in sources:
        if source.level is Level.RECORDED:
            raise Unprocessable(f"Checkpoint {short(source.name)} is a recording and holds no weights.")
        if isinstance(wanted.operation, Randomise) and not source.level.runs:
            raise Unprocessable(
                f"Of {short(source.name)} the weights alone are known, so nothing says how its layers are drawn."
            )


def _shared_tags(sources: list[CheckpointRow]) -> dict[str, str]:
    """Tags that all sources have in common, such as the seed; not what was done to them."""
    first = {str(k): str(v) for k, v in sources[0].tags.items()}
    return {k: v for k, v in first.items() if k != TAG and all(s.tags.get(k) == v for s in sources)}
