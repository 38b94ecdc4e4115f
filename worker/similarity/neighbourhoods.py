"""Neighbours of all samples in many models: whole, and when a group of samples leaves."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from kinscape.backend.contracts.cards import Parameter
from kinscape.worker.evaluation.batch import PairResults
from kinscape.worker.evaluation.from_features import Features
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.numerics.gram_product import products_of_rows
from kinscape.worker.numerics.memo import Memo
from kinscape.worker.numerics.progress import steps
from kinscape.worker.similarity.cosine_neighbours import nearest_rows, unit_rows

NEIGHBOURS = (Parameter(name="k", default=10, minimum=1, maximum=200, help="Neighbours per sample."),)
# Features of neighbours at a time.
ENTRIES_AT_ONCE = 1 << 25
# A table of places that stays in the cache.
CACHED_ENTRIES = 1 << 21
# All models' matrices of cosines up to so much; beyond it they are computed again.
HELD_BYTES = 1 << 30


def cosine_matrix(features: Tensor) -> Tensor:
    """Cosine of every sample with every other, ``(samples, samples)``, float64."""
    return products_of_rows(unit_rows(features))


def neighbours(features: Tensor, *, k: int, **_: object) -> Tensor:
    """Numbers of the k nearest samples by cosine, ``(samples, k)``, nearest first; ties go to the lower number."""
    if k >= len(features):
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {len(features)}.")
    return nearest_rows(unit_rows(features), k=k)


@dataclass(frozen=True)
class Neighbourhoods:
    """Neighbours of the samples that are left, for all models.

    Attributes:
        rows: ``(left,)`` numbers of the samples that are left.
        order: ``(models, left, k)`` numbers of their neighbours, nearest first.
        cosines: similarities of chosen pairs of samples in each model.
        memo: what scores of several pairs need of one model.
    """

    rows: Tensor
    order: Tensor
    cosines: "Cosines"
    memo: Memo = field(default_factory=Memo)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What several pairs need, made by the first."""
        return self.memo.once(key, make)


class Cosines:
    """Cosines between samples of several models; whole matrices are held while they fit.

    Args:
        features: ``(samples, width)`` of each model.
    """

    def __init__(self, features: list[Tensor]) -> None:
        self._features = features
        self._units: dict[int, Tensor] = {}
        self._matrices: dict[int, Tensor] = {}
        self._fit = len(features) * len(features[0]) ** 2 * 8 <= HELD_BYTES

    def units(self, model: int) -> Tensor:
        """The samples of one model at length 1."""
        if model not in self._units:
            self._units[model] = unit_rows(self._features[model])
        return self._units[model]

    def of(self, model: int, rows: Tensor, order: Tensor) -> Tensor:
        """Cosines ``(rows, k)`` of samples with listed others ``(rows, k)`` in one model."""
        x = self.units(model)
        if self._fit:
            if model not in self._matrices:
                self._matrices[model] = products_of_rows(x)
            return self._matrices[model][rows[:, None], order]
        at_once = max(1, ENTRIES_AT_ONCE // (order.shape[1] * x.shape[1]))
        parts = zip(rows.split(at_once), order.split(at_once), strict=True)
        return torch.cat([torch.einsum("nd,nkd->nk", x[r], x[o]) for r, o in parts])


def every_neighbourhood(batch: Features, *, k: int, in_order: bool) -> Iterator[Neighbourhoods]:
    """Neighbours whole, then without each group."""
    n = len(batch.items[0])
    spare = min(n - 1, 2 * k + 10) if batch.groups else k
    in_order = in_order or spare > k

    def nearest() -> Tensor:
        return torch.stack([nearest_rows(unit_rows(x), k=spare, in_order=in_order) for x in steps(batch.items)])

    lists = batch.once(("nearest", spare, in_order), nearest)
    cosines = batch.once("cosines", lambda: Cosines(batch.items))
    everyone = torch.arange(n, device=lists.device)
    yield Neighbourhoods(everyone, lists[:, :, :k], cosines)
    owner = torch.empty_like(everyone)
    for g, group in enumerate(batch.groups):
        owner[group.to(owner.device)] = g
    for g in range(len(batch.groups)):
        rows = everyone[owner != g]
        if len(rows) <= k:
            raise Undefined(f"k = {k} neighbours need more than {k} samples in all groups but one.")
        some = lists[:, rows]
        stays = owner[some] != g
        if int(stays.sum(2).min()) < k:
            # The spare neighbours of some sample all left: look again among the rest.
            again = [nearest_rows(cosines.units(m)[rows], k=k) for m in range(len(batch.items))]
            yield Neighbourhoods(rows, rows[torch.stack(again)], cosines)
            continue
        first = stays & (stays.cumsum(2) <= k)
        yield Neighbourhoods(rows, some[first].view(len(some), len(rows), k), cosines)


def over_neighbourhoods(
    batch: Features, score: Callable[[Neighbourhoods, int, Tensor], Tensor], *, k: int, in_order: bool
) -> PairResults:
    """Values and replicates of every pair.

    Args:
        score: from neighbours, one model and several others ``(others,)`` to values ``(others,)``.
        in_order: whether the score reads the order of neighbours, not only which there are.
    """
    rows: dict[int, list[int]] = {}
    at_once = max(1, ENTRIES_AT_ONCE // (len(batch.items[0]) * k))
    for p, (i, _) in enumerate(batch.pairs.tolist()):
        rows.setdefault(i, []).append(p)
    out = []
    for near in every_neighbourhood(batch, k=k, in_order=in_order):
        values = torch.empty(len(batch.pairs), dtype=torch.float64)
        for i, places in rows.items():
            for start in range(0, len(places), at_once):
                some = places[start : start + at_once]
                values[some] = score(near, i, batch.pairs[some, 1].to(near.order.device)).cpu()
        out.append(values)
    return PairResults(out[0], torch.stack(out[1:]) if len(out) > 1 else None)


def by_neighbourhoods(
    score: Callable[[Neighbourhoods, int, Tensor], Tensor], *, in_order: bool = True
) -> Callable[..., PairResults]:
    """The batch function of a measure of neighbours: lists once per model, shortened when a group leaves."""

    def together(batch: Features, *, k: int) -> PairResults:
        return over_neighbourhoods(batch, score, k=k, in_order=in_order)

    return together


def shared(a: Tensor, b: Tensor) -> Tensor:
    """How many neighbours two lists ``(..., samples, k)`` share, ``(..., samples)``, float64."""
    return (a.unsqueeze(-1) == b.unsqueeze(-2)).sum((-1, -2)).to(torch.float64)


def are_shared(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """Whether the neighbours of each sample in several models are its neighbours in one, ``(others, left, k)``."""
    samples = int(near.rows[-1]) + 1
    found = []
    for start in range(0, len(near.rows), at_once := max(1, CACHED_ENTRIES // samples)):
        mine = near.order[i, start : start + at_once]
        theirs = near.order[others, start : start + at_once].transpose(0, 1)
        is_near = mine.new_zeros(len(mine), samples, dtype=torch.uint8).scatter_(1, mine, 1)
        found.append(is_near.gather(1, theirs.flatten(1)).view(theirs.shape).transpose(0, 1))
    return torch.cat(found, 1)


def overlaps(near: Neighbourhoods, i: int, others: Tensor) -> Tensor:
    """How many neighbours of each sample one model shares with several others, ``(others, left)``."""
    return are_shared(near, i, others).sum(-1).to(torch.float64)


def has_neighbours(features: Tensor, *, k: int, **_: object) -> None:
    """Refuse features whose neighbours are not defined."""
    if k >= len(features):
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {len(features)}.")
    if bool(((features.amax(1) == 0) & (features.amin(1) == 0)).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
