"""Nearest neighbours of all samples: whole, and when a group of samples leaves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.contracts.cards import Parameter
from worker.measures.inputs import Undefined
from worker.measures.measure import Block, Together
from worker.measures.products import products_of_rows
from worker.measures.progress import steps

DIGITS = 1e12  # cosines equal to so many digits tie, whatever the order of summation was
NEIGHBOURS = (Parameter(name="k", default=10, minimum=1, maximum=200, help="Neighbours per sample."),)
MOST_ROOM = 1e-3  # of thousands of features float32 would leave nearly every sample unsure
ROWS_AT_ONCE = 2048
ENTRIES_AT_ONCE = 1 << 25
HELD_BYTES = 1 << 30


def unit_rows(features: Tensor) -> Tensor:
    """Features ``(samples, width)`` in float64, every sample at length 1."""
    low, high = features.aminmax()
    largest = max(-float(low), float(high))
    x = features.to(torch.float64, copy=True).div_(max(largest, 1e-300))
    length = x.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
    return x.div_(length)


def cosine_matrix(features: Tensor) -> Tensor:
    """Cosine of every sample with every other, ``(samples, samples)``, float64."""
    return products_of_rows(unit_rows(features))


def neighbours(features: Tensor, *, k: int, **_: object) -> Tensor:
    """Numbers of the k nearest samples by cosine, ``(samples, k)``, nearest first; ties go to the lower number."""
    if k >= len(features):
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {len(features)}.")
    return _nearest(unit_rows(features), k=k)


def _nearest(x: Tensor, *, k: int, in_order: bool = True) -> Tensor:
    """The same of rows of length 1; without the order only which neighbours there are is sure.

    Cosines in float32 tell the order wherever they lie further apart than both can be wrong; samples for which
    some do not are looked at again in float64.
    """
    n, width = x.shape
    # Each of width products and sums, and each number that was rounded, adds at most half a unit in the last place.
    room = 2 * (width + 3) * 2**-24
    # Where everybody is a neighbour nothing needs to be near, but samples may all be equally far.
    is_rough = k < n - 1 and room < MOST_ROOM and _float32_is_whole()
    rough = x.to(torch.float32) if is_rough else x
    parts, keys = [], _Keys(x)
    for start in range(0, n, ROWS_AT_ONCE):
        rows = torch.arange(start, min(start + ROWS_AT_ONCE, n), device=x.device)
        if not is_rough:
            parts.append(keys.nearest(rows, k=k))
            continue
        # One block of rows is all rows: then half of the products are enough.
        cosines = products_of_rows(rough) if len(rows) == n else rough[rows] @ rough.T
        cosines.diagonal(start).fill_(-torch.inf)
        values, found = cosines.topk(k + 1, dim=1)
        nearer = values[:, :-1] if in_order else values[:, -2:-1]
        unsure = rows[(nearer - values[:, -nearer.shape[1] :] <= room).any(1)]
        found = found[:, :k]
        if len(unsure):
            found[unsure - start] = keys.nearest(unsure, k=k)
        parts.append(found)
        # Where most are looked at twice, once in float64 is less work.
        is_rough = 2 * len(unsure) < len(rows)
    if keys.are_equal:
        raise Undefined("All samples point the same way, so none is nearer than another.")
    return torch.cat(parts)


def _float32_is_whole() -> bool:
    """Whether products of float32 keep all its digits, as the caller has set torch."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:
        # Different settings for different libraries have no one answer.
        return False


class _Keys:
    """Whole numbers that order samples by similarity to digits first, and by their own number second."""

    def __init__(self, x: Tensor) -> None:
        self._x = x
        self._step = 1 << len(x).bit_length()
        self._numbers = torch.arange(len(x), device=x.device, dtype=x.dtype)
        self._low, self._high, self._seen = torch.inf, -torch.inf, 0

    @property
    def are_equal(self) -> bool:
        """Whether all cosines of all samples with all others are the same."""
        return self._seen == len(self._x) and self._low == self._high

    def nearest(self, rows: Tensor, *, k: int) -> Tensor:
        """Numbers of the k nearest of some samples, ``(rows, k)``."""
        keys = (self._x[rows] @ self._x.T).mul_(min(DIGITS, 2**52 / self._step)).round_()
        low, high = keys.aminmax()
        self._low, self._high = min(self._low, float(low)), max(self._high, float(high))
        self._seen += len(rows)
        keys.mul_(self._step).sub_(self._numbers)
        keys.scatter_(1, rows[:, None], -torch.inf)
        return keys.topk(k, dim=1).indices


@dataclass(frozen=True)
class Near:
    """Neighbours of the samples that are left, for all models.

    Attributes:
        rows: ``(left,)`` numbers of the samples that are left.
        order: ``(models, left, k)`` numbers of their neighbours, nearest first.
        cosines: similarities of chosen pairs of samples in each model.
    """

    rows: Tensor
    order: Tensor
    cosines: "Cosines"


class Cosines:
    """Cosines between samples of several models; whole matrices are kept while they fit."""

    def __init__(self, units: list[Tensor]) -> None:
        self._units = units
        self._kept: dict[int, Tensor] = {}
        self._fit = len(units) * len(units[0]) ** 2 * 8 <= HELD_BYTES

    def of(self, model: int, rows: Tensor, order: Tensor) -> Tensor:
        """Cosines ``(rows, k)`` of samples with listed others ``(rows, k)`` in one model."""
        x = self._units[model]
        if self._fit:
            if model not in self._kept:
                self._kept[model] = products_of_rows(x)
            return self._kept[model][rows].gather(1, order)
        parts = zip(rows.split(ROWS_AT_ONCE), order.split(ROWS_AT_ONCE), strict=True)
        return torch.cat([torch.einsum("nd,nkd->nk", x[r], x[o]) for r, o in parts])


def every_neighbourhood(block: Block, *, k: int, in_order: bool) -> Iterator[Near]:
    """Neighbours whole, then without each group."""
    n = len(block.items[0])
    spare = min(n - 1, 2 * k + 10) if block.groups else k
    in_order = in_order or spare > k

    def nearest() -> Tensor:
        return torch.stack([_nearest(x, k=spare, in_order=in_order) for x in steps(units)])

    units = block.once("units", lambda: [unit_rows(x) for x in block.items])
    lists = block.once(("nearest", spare, in_order), nearest)
    cosines = block.once("cosines", lambda: Cosines(units))
    everyone = torch.arange(n, device=lists.device)
    yield Near(everyone, lists[:, :, :k], cosines)
    owner = torch.empty_like(everyone)
    for g, group in enumerate(block.groups):
        owner[group.to(owner.device)] = g
    for g in range(len(block.groups)):
        rows = everyone[owner != g]
        if len(rows) <= k:
            raise Undefined(f"k = {k} neighbours need more than {k} samples in all groups but one.")
        some = lists[:, rows]
        stays = owner[some] != g
        if int(stays.sum(2).min()) < k:
            # The spare neighbours of some sample all left: look again among the rest.
            yield Near(rows, rows[torch.stack([_nearest(x[rows], k=k) for x in units])], cosines)
            continue
        first = stays & (stays.cumsum(2) <= k)
        yield Near(rows, some[first].view(len(some), len(rows), k), cosines)


def over_neighbourhoods(
    block: Block, score: Callable[[Near, int, Tensor], Tensor], *, k: int, in_order: bool
) -> Together:
    """Values and replicates of every pair.

    Args:
        score: from neighbours, one model and several others ``(others,)`` to values ``(others,)``.
        in_order: whether the score reads the order of neighbours, not only which there are.
    """
    rows: dict[int, list[int]] = {}
    at_once = max(1, ENTRIES_AT_ONCE // (len(block.items[0]) * k * k))
    for p, (i, _) in enumerate(block.pairs.tolist()):
        rows.setdefault(i, []).append(p)
    out = []
    for near in every_neighbourhood(block, k=k, in_order=in_order):
        values = torch.empty(len(block.pairs), dtype=torch.float64)
        for i, places in rows.items():
            for start in range(0, len(places), at_once):
                some = places[start : start + at_once]
                values[some] = score(near, i, block.pairs[some, 1].to(near.order.device)).cpu()
        out.append(values)
    return Together(out[0], torch.stack(out[1:]) if len(out) > 1 else None)


def by_neighbourhoods(
    score: Callable[[Near, int, Tensor], Tensor], *, in_order: bool = True
) -> Callable[..., Together]:
    """The block function of a measure of neighbours: lists once per model, shortened when a group leaves."""

    def together(block: Block, *, k: int) -> Together:
        return over_neighbourhoods(block, score, k=k, in_order=in_order)

    return together


def shared(a: Tensor, b: Tensor) -> Tensor:
    """How many neighbours two lists ``(..., samples, k)`` share, ``(..., samples)``, float64."""
    return (a.unsqueeze(-1) == b.unsqueeze(-2)).sum((-1, -2)).to(torch.float64)


def overlaps(near: Near, i: int, others: Tensor) -> Tensor:
    """How many neighbours of each sample one model shares with several others, ``(others, left)``."""
    narrow = near.order.to(torch.int32)
    return shared(narrow[i], narrow[others])


def has_neighbours(features: Tensor, *, k: int, **_: object) -> None:
    """Refuse features whose neighbours are not defined."""
    if k >= len(features):
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {len(features)}.")
    if bool(((features.amax(1) == 0) & (features.amin(1) == 0)).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
