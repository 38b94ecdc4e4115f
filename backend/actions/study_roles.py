"""Who plays which role in a study: chosen by filters or one by one, else by lineage."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from kinscape.backend.contracts.filtering import matches
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.contracts.studies import Member, selector_in_words
from kinscape.backend.contracts.uploads import State
from kinscape.backend.store import checkpoints
from kinscape.backend.store.tables import CheckpointRow
from kinscape.backend.studies.cast import Candidate, Cast, filled
from kinscape.backend.studies.template import Template


def candidates(rows: Sequence[CheckpointRow]) -> list[Candidate]:
    """Checkpoints as studies see them."""
    return [
        Candidate(
            id=row.id,
            name=row.name,
            group=row.group_name,
            tags={str(k): str(v) for k, v in row.tags.items()},
            parent_id=row.parent_id,
            root_id=row.root_id,
            init_of_id=row.init_of_id,
            teacher_id=row.teacher_id,
            run=row.run,
            step=row.step,
        )
        for row in rows
    ]


def cast_of(session: Session, roles: dict[str, list[int]], *, match: str) -> Cast:
    """The cast of a stored study; checkpoints that were deleted have left it."""
    ids = [i for some in roles.values() for i in some]
    return filled(roles, candidates(checkpoints.by_ids(session, ids)), match=match)


def chosen(
    session: Session, project: int, template: Template, wanted: dict[str, Any], *, match: str
) -> tuple[Cast, dict[str, str], list[str]]:
    """The cast of a study, how each role was filled, and the names of those without a role.

    Raises:
        NotFound: a checkpoint that was named is not there.
        Unprocessable: a role is unknown, or has too few.
    """
    known = {role.name: role for role in template.roles}
    for name in wanted:
        if name not in known:
            raise Unprocessable(f"The study {template.name} has no role {name!r}; its roles: {', '.join(known)}.")
    rows = [r for r in checkpoints.of_project(session, project).rows if r.state is State.READY]
    rows.sort(key=lambda r: r.id)
    everyone = candidates(rows)
    ids: dict[str, list[int]] = {}
    how: dict[str, str] = {}
    taken = {i for name in wanted for i in _selected(rows, wanted[name], name)}
    for name, role in known.items():
        if name in wanted:
            ids[name], how[name] = _selected(rows, wanted[name], name), selector_in_words(wanted[name])
        elif role.suggests is not None:
            free = [c for c in everyone if c.id not in taken]
            ids[name] = [c.id for c in free if role.suggests(c, everyone)]
            taken |= set(ids[name])
            how[name] = "from lineage, groups and tags" if ids[name] else "nobody seems to play it"
    cast = filled(ids, everyone, match=match)
    for name, role in known.items():
        if len(cast[name]) < role.fewest:
            has = f"{len(cast[name])} checkpoint{'' if len(cast[name]) == 1 else 's'}"
            raise Unprocessable(
                f"The role {role.title.lower()} needs {role.fewest} or more and has {has} "
                f"({how.get(name, 'nobody')}). Say who plays it, such as group:NAME: {role.help}."
            )
    inside = {c.id for c in cast.everyone}
    return cast, how, [r.name for r in rows if r.id not in inside]


def _selected(rows: Sequence[CheckpointRow], selector: Any, role: str) -> list[int]:
    """Numbers of the checkpoints that a selector means."""
    if isinstance(selector, str):
        return [r.id for r in rows if matches(_row(r), selector)] if selector.strip() else []
    named = {r.name: r.id for r in rows}
    numbers = {r.id for r in rows}
    out = []
    for one in selector:
        number = named.get(one) if isinstance(one, str) else one
        if number not in numbers:
            raise NotFound(f"Role {role}: there is no ready checkpoint {one!r} in this project.")
        out.append(int(number))
    return out


def _row(row: CheckpointRow) -> dict[str, Any]:
    """What filters look at, as in the library."""
    return {
        "name": row.name,
        "group": row.group_name,
        "run": row.run,
        "step": row.step,
        "level": row.level.words,
        "architecture": row.architecture,
        "tags": row.tags,
        "metrics": row.metrics,
    }


def members(cast: Cast, reference: str) -> dict[str, list[Member]]:
    """The cast as its readers see it; with a reference role, whose each one is."""
    found: dict[str, list[Member]] = {}
    for role, some in cast.roles.items():
        owners = {c.id: cast.owner_of(c, cast[reference]) if reference and role != reference else None for c in some}
        found[role] = [
            Member(id=c.id, name=c.name, unit=owner.name if (owner := owners[c.id]) else c.tag(cast.match))
            for c in some
        ]
    return found
