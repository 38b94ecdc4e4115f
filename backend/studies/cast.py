"""Who plays which role in a study, and who belongs to whom."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kinscape.backend.statistics.kinship import families_of


@dataclass(frozen=True)
class Candidate:
    """A checkpoint as a study sees it."""

    id: int
    name: str
    group: str = ""
    tags: Mapping[str, str] | None = field(default=None, hash=False)
    parent_id: int | None = None
    root_id: int | None = None
    init_of_id: int | None = None
    teacher_id: int | None = None
    run: str = ""
    step: int | None = None

    def tag(self, name: str) -> str:
        """The value of a tag; empty where it has none."""
        return str((self.tags or {}).get(name, ""))

    def is_called(self, *words: str) -> bool:
        """Whether its name, group or condition holds one of these words."""
        called = " ".join((self.name, self.group, self.tag("condition"), self.tag("role"))).lower()
        return any(word in called for word in words)


@dataclass(frozen=True)
class Cast:
    """The roles of a study.

    Attributes:
        roles: checkpoints by role; each has one role.
        match: the tag that says which checkpoints of different roles belong together.
        contrasts: of roles or conditions, beside those of the template.
    """

    roles: Mapping[str, Sequence[Candidate]]
    match: str
    contrasts: Sequence[tuple[str, str]] = ()

    def __getitem__(self, role: str) -> Sequence[Candidate]:
        return self.roles.get(role, ())

    @property
    def everyone(self) -> list[Candidate]:
        """All who have a role, by number."""
        return sorted((c for some in self.roles.values() for c in some), key=lambda c: c.id)

    @property
    def families(self) -> dict[int, int]:
        """The family of each checkpoint, by number."""
        everyone = self.everyone
        return dict(zip((c.id for c in everyone), families_of(everyone), strict=True))

    def owner_of(self, one: Candidate, references: Sequence[Candidate]) -> Candidate | None:
        """The reference that a checkpoint belongs to.

        Its teacher, its parent or ancestor, the network whose start it shares, or the one with the same value of
        the tag ``match``; where there is one reference only, that one. None where nothing says it.
        """
        if len(references) == 1:
            return references[0]
        by_id = {r.id: r for r in references}
        for related in (one.teacher_id, one.parent_id, one.root_id, one.init_of_id):
            if related in by_id:
                return by_id[related]
        value = one.tag(self.match)
        for same in (
            [r for r in references if one.init_of_id is not None and r.init_of_id == one.init_of_id],
            [r for r in references if value and r.tag(self.match) == value],
        ):
            if len(same) == 1:
                return same[0]
        return None


def filled(wanted: Mapping[str, Iterable[int]], everyone: Sequence[Candidate], *, match: str) -> Cast:
    """Roles with who was chosen for them; who was chosen for several has the first."""
    by_id = {c.id: c for c in everyone}
    taken: set[int] = set()
    roles: dict[str, list[Candidate]] = {}
    for role, ids in wanted.items():
        roles[role] = [by_id[i] for i in dict.fromkeys(ids) if i in by_id and i not in taken]
        taken |= {c.id for c in roles[role]}
    return Cast(roles, match)
