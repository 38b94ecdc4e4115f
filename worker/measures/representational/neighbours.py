"""Nearest neighbours of all samples: whole, and when a group of samples leaves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.contracts.cards import Parameter
from worker.measures.inputs import Undefined
from worker.measures.measure import Block, Together
from worker.measures.progress import steps

DIGITS = 1e12  # cosines equal to so many digits tie, whatever the order of summation was
NEIGHBOURS = (Parameter(name="k", default=10, minimum=1, maximum=200, help="Neighbours per sample."),)
ROWS_AT_ONCE = 1024
ENTRIES_AT_ONCE = 1 << 25
HELD_BYTES = 1 << 30


def unit_rows(features: Tensor) -> Tensor:
    """Features ``(samples, width)`` in float64, every sample at length 1."""
    x = features.to(torch.float64)
    x = x / x.abs().max().clamp_min(1e-300)
    length = x.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
    return x / length


def cosine_matrix(features: Tensor) -> Tensor:
    """Cosine of every sample with every other, ``(samples, samples)``, float64."""
    x = unit_rows(features)
    return x @ x.T


def neighbours(features: Tensor, *, k: int, **_: object) -> Tensor:
    """Numbers of the k nearest samples by cosine, ``(samples, k)``, nearest first; ties go to the lower number."""
    if k >= len(features):
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {len(features)}.")
    return _nearest(unit_rows(features), k=k)


def _nearest(x: Tensor, *, k: int) -> Tensor:
    n = len(x)
    step = 1 << n.bit_length()
    digits = min(DIGITS, 2**52 / step)
    numbers = torch.arange(n, device=x.device, dtype=x.dtype)
    parts, low, high = [], torch.inf, -torch.inf
    for start in range(0, n, ROWS_AT_ONCE):
        # One whole number per pair orders by similarity first and by sample number second.
        keys = (x[start : start + ROWS_AT_ONCE] @ x.T).mul_(digits).round_()
        low, high = min(low, float(keys.min())), max(high, float(keys.max()))
        keys.mul_(step).sub_(numbers)
        keys.diagonal(start).fill_(-torch.inf)
        parts.append(keys.topk(k, dim=1).indices)
    if low == high:
        raise Undefined("All samples point the same way, so none is nearer than another.")
    return torch.cat(parts)


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
                self._kept[model] = x @ x.T
            return self._kept[model][rows].gather(1, order)
        parts = zip(rows.split(ROWS_AT_ONCE), order.split(ROWS_AT_ONCE), strict=True)
        return torch.cat([torch.einsum("nd,nkd->nk", x[r], x[o]) for r, o in parts])


def every_neighbourhood(block: Block, *, k: int) -> Iterator[Near]:
    """Neighbours whole, then without each group."""
    n = len(block.items[0])
    spare = min(n - 1, 2 * k + 10) if block.groups else k
    units = block.once("units", lambda: [unit_rows(x) for x in block.items])
    lists = block.once(("nearest", spare), lambda: torch.stack([_nearest(x, k=spare) for x in steps(units)]))
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


def over_neighbourhoods(block: Block, score: Callable[[Near, int, Tensor], Tensor], *, k: int) -> Together:
    """Values and replicates of every pair.

    Args:
        score: from neighbours, one model and several others ``(others,)`` to values ``(others,)``.
    """
    rows: dict[int, list[int]] = {}
    at_once = max(1, ENTRIES_AT_ONCE // (len(block.items[0]) * k * k))
    for p, (i, _) in enumerate(block.pairs.tolist()):
        rows.setdefault(i, []).append(p)
    out = []
    for near in every_neighbourhood(block, k=k):
        values = torch.empty(len(block.pairs), dtype=torch.float64)
        for i, places in rows.items():
            for start in range(0, len(places), at_once):
                some = places[start : start + at_once]
                values[some] = score(near, i, block.pairs[some, 1].to(near.order.device)).cpu()
        out.append(values)
    return Together(out[0], torch.stack(out[1:]) if len(out) > 1 else None)


def by_neighbourhoods(score: Callable[[Near, int, Tensor], Tensor]) -> Callable[..., Together]:
    """The block function of a measure of neighbours: lists once per model, shortened when a group leaves."""

    def together(block: Block, *, k: int) -> Together:
        return over_neighbourhoods(block, score, k=k)

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
    if bool((features == 0).all(1).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
