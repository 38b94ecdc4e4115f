"""Which models are related: by descent, by a shared start, by a teacher, by a run."""

from collections.abc import Hashable, Iterable, Sequence


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
