"""Who plays which role in a study: chosen by filters or one by one, else by lineage."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from kinscape.backend.contracts.filtering import matches
from kinscape.backend.contracts.problems import NotFound, Unprocessable
from kinscape.backend.contracts.studies import CastMember, Member, StudySpecification, selector_in_words
from kinscape.backend.contracts.uploads import State
from kinscape.backend.contracts.words import counted
from kinscape.backend.store import checkpoints
from kinscape.backend.store.tables import CheckpointRow
from kinscape.backend.studies.cast import Candidate, Cast, filled
from kinscape.backend.studies.template import Template

# What the fields of a member are called.
WORDS = {
    "parent_id": "parent",
    "root_id": "first ancestor",
    "init_of_id": "start",
    "teacher_id": "teacher",
    "content_hash": "content",
    "tags": "tag",
}


def member_of(row: CheckpointRow) -> CastMember:
    """A checkpoint as it is now."""
    return CastMember(
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
        content_hash=row.content_hash,
    )


def candidate(member: CastMember) -> Candidate:
    """The same as studies see it."""
    return Candidate(**member.model_dump(exclude={"content_hash"}))


def cast_of(session: Session, asked: StudySpecification) -> Cast:
    """The cast of a study: as it was frozen, or as it is now; checkpoints that were deleted have left it."""
    ids = [i for some in asked.roles.values() for i in some]
    there = {row.id: member_of(row) for row in checkpoints.by_ids(session, ids)}
    frozen = {m.id: m for m in asked.cast}
    cast = filled(asked.roles, [candidate(frozen.get(i, m)) for i, m in there.items()], match=asked.match)
    return replace(cast, contrasts=tuple(asked.contrasts))


def frozen(session: Session, asked: StudySpecification) -> StudySpecification:
    """The same study with its cast as it is now."""
    ids = [i for some in asked.roles.values() for i in some]
    rows = {row.id: row for row in checkpoints.by_ids(session, ids)}
    roles = {role: [i for i in some if i in rows] for role, some in asked.roles.items()}
    return asked.model_copy(update={"roles": roles, "cast": [member_of(rows[i]) for i in sorted(rows)]})


def drift(session: Session, asked: StudySpecification) -> list[str]:
    """What became different since a study was frozen, in sentences; it goes by what was frozen."""
    there = {row.id: member_of(row) for row in checkpoints.by_ids(session, [m.id for m in asked.cast])}
    told = []
    for before in asked.cast:
        now = there.get(before.id)
        if now is None:
            told.append(f"{before.name} was deleted.")
            continue
        fields = [f for f in CastMember.model_fields if getattr(now, f) != getattr(before, f)]
        if fields:
            what = ", ".join(WORDS.get(f, f) for f in fields)
            told.append(f"{before.name} has another {what} now; the study goes by what it was.")
    return told


def check_fewest(template: Template, cast: Cast, how: Mapping[str, str]) -> None:
    """Refuse a cast in which a role has too few.

    Raises:
        Unprocessable: the sentence says which, and how it was filled.
    """
    for role in template.roles:
        if len(cast[role.name]) < role.fewest:
            has = counted(len(cast[role.name]), "checkpoints")
            raise Unprocessable(
                f"The role {role.title.lower()} needs {role.fewest} or more and has {has} "
                f"({how.get(role.name, 'nobody')}). Say who plays it, such as group:NAME: {role.help}."
            )


def check_contrasts(template: Template, cast: Cast) -> None:
    """Refuse contrasts of what a study does not have.

    Raises:
        Unprocessable: the sentence says what can be contrasted.
    """
    sides = template.sides(cast)
    for first, second in cast.contrasts:
        if not sides:
            raise Unprocessable(f"The study {template.name} takes no contrasts of its own.")
        unknown = [name for name in (first, second) if name not in sides]
        if unknown or first == second:
            wrong = f"{unknown[0]!r} is none of its conditions" if unknown else "a contrast needs two of them"
            raise Unprocessable(f"{wrong[:1].upper()}{wrong[1:]}; this study can contrast {', '.join(sides)}.")


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
    everyone = [candidate(member_of(r)) for r in rows]
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
    for name, wished in ids.items():
        if wished and not cast[name]:
            how[name] += ", who have another role already"
    check_fewest(template, cast, how)
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
        if number is None or number not in numbers:
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
