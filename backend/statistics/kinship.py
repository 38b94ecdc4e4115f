"""Which models are related: by descent, by a shared start, by a teacher, by a run."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol


class Related(Protocol):
    """A checkpoint with what is known of its relatives; None and an empty run where nothing is."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def root_id(self) -> int | None:
        """Its first ancestor."""

    @property
    def init_of_id(self) -> int | None:
        """The checkpoint whose first weights it started from."""

    @property
    def teacher_id(self) -> int | None:
        """The checkpoint whose outputs it was trained on."""

    @property
    def run(self) -> str:
        """The training run that it is a step of."""

    @property
    def step(self) -> int | None:
        """The step in that run."""


def families_of(everyone: Sequence[Related]) -> list[int]:
    """The family of each model: related by ancestors, by the weights they started from, by a teacher, or by a run.

    Returns:
        for each, the position of the first member of its family.
    """
    place = {one.id: k for k, one in enumerate(everyone)}
    taught = [(k, place[one.teacher_id]) for k, one in enumerate(everyone) if one.teacher_id in place]
    begun = [(k, place[one.init_of_id]) for k, one in enumerate(everyone) if one.init_of_id in place]
    shared = sharing([one.init_of_id or one.id for one in everyone]) + sharing([one.teacher_id for one in everyone])
    return families(len(everyone), [*_of_one_network(everyone), *shared, *taught, *begun])


def representatives(everyone: Sequence[Related]) -> list[int]:
    """Positions of one model of each network: of copies their ancestor, of a run its last step.

    Models that share a start or a teacher are different networks, though not independent ones.
    """
    found: dict[int, list[int]] = {}
    for k, head in enumerate(families(len(everyone), _of_one_network(everyone))):
        found.setdefault(head, []).append(k)
    return sorted(min(members, key=lambda k: _seniority(everyone[k])) for members in found.values())


def _of_one_network(everyone: Sequence[Related]) -> list[list[int]]:
    """Positions of copies of one network, and of steps of one run."""
    return sharing([one.root_id or one.id for one in everyone]) + sharing([one.run or None for one in everyone])


def _seniority(one: Related) -> tuple[bool, int, int]:
    return (one.root_id not in (None, one.id), -(one.step if one.step is not None else -1), one.id)


def families(size: int, ties: Iterable[Sequence[int]]) -> list[int]:
    """The smallest member of each model's family, where every two members of a tie are related.

    Args:
        size: how many models there are, 0 … size-1.
        ties: positions of models that are related to one another.
    """
    head = list(range(size))

    def first(k: int) -> int:
        while head[k] != k:
            head[k] = head[head[k]]
            k = head[k]
        return k

    for tie in ties:
        for other in tie[1:]:
            one, two = sorted((first(tie[0]), first(other)))
            head[two] = one
    return [first(k) for k in range(size)]


def sharing(values: Sequence[Hashable | None]) -> list[list[int]]:
    """Positions that have the same value; None is no value."""
    found: dict[Hashable, list[int]] = {}
    for k, value in enumerate(values):
        if value is not None:
            found.setdefault(value, []).append(k)
    return list(found.values())
