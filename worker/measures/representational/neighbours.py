"""Nearest neighbours of all samples: whole, and when a group of samples leaves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.measures.inputs import Undefined
from worker.measures.measure import Block, Together

DIGITS = 1e12  # cosines equal to twelve digits tie, whatever the order of summation was


def cosines(features: Tensor) -> Tensor:
    """Cosine of every sample with every other, ``(samples, samples)``, float64."""
    x = features.to(torch.float64)
    length = x.norm(dim=1, keepdim=True)
    if bool((length == 0).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
    x = x / length
    return x @ x.T


def nearest(similarity: Tensor, *, k: int) -> Tensor:
    """Numbers of the k most similar other samples, ``(samples, k)``; ties go to the lower number."""
    n = len(similarity)
    if k >= n:
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {n}.")
    step = 1 << n.bit_length()
    # One whole number per pair orders by similarity first and by sample number second.
    keys = (similarity * DIGITS).round_().to(torch.int64) * step - torch.arange(n, device=similarity.device)
    if bool((keys.div(step, rounding_mode="floor") == keys[0, 0].div(step, rounding_mode="floor")).all()):
        raise Undefined("All samples point the same way, so none is nearer than another.")
    keys.fill_diagonal_(torch.iinfo(torch.int64).min)
    return keys.topk(k, dim=1).indices


def neighbours(features: Tensor, *, k: int, **_: object) -> Tensor:
    """Numbers of the k nearest samples by cosine, ``(samples, k)``, nearest first."""
    return nearest(cosines(features), k=k)


@dataclass(frozen=True)
class Near:
    """Neighbours of the samples that are left, for all models.

    Attributes:
        rows: ``(left,)`` numbers of the samples that are left.
        order: ``(models, left, k)`` numbers of their neighbours, nearest first.
        member: ``(models, left, samples)`` whether a sample is among them.
        similarity: ``(models, samples, samples)`` cosines.
    """

    rows: Tensor
    order: Tensor
    member: Tensor
    similarity: Tensor


def every_neighbourhood(block: Block, *, k: int) -> Iterator[Near]:
    """Neighbours whole, then without each group."""
    n = len(block.items[0])
    spare = min(n - 1, 2 * k + 10) if block.groups else k
    similarity = block.once("cosines", lambda: torch.stack([cosines(x) for x in block.items]))
    lists = block.once(("nearest", spare), lambda: torch.stack([nearest(s, k=spare) for s in similarity]))
    device = lists.device
    everyone = torch.arange(n, device=device)
    yield _near(everyone, lists[:, :, :k], similarity)
    owner = torch.empty(n, dtype=torch.int64, device=device)
    for g, group in enumerate(block.groups):
        owner[group.to(device)] = g
    for g in range(len(block.groups)):
        rows = everyone[owner != g]
        some = lists[:, rows]
        stays = owner[some] != g
        if len(rows) <= k:
            raise Undefined(f"k = {k} neighbours need more than {k} samples in all groups but one.")
        if int(stays.sum(2).min()) < k:
            # The spare neighbours of some sample all left: sort again.
            inside = similarity[:, rows][:, :, rows]
            yield _near(rows, rows[torch.stack([nearest(s, k=k) for s in inside])], similarity)
            continue
        first = stays & (stays.cumsum(2) <= k)
        yield _near(rows, some[first].view(len(some), len(rows), k), similarity)


def _near(rows: Tensor, order: Tensor, similarity: Tensor) -> Near:
    member = torch.zeros(len(order), len(rows), similarity.shape[1], dtype=torch.bool, device=order.device)
    return Near(rows, order, member.scatter_(2, order, value=True), similarity)


def over_neighbourhoods(block: Block, score: Callable[[Near, int, Tensor], Tensor], *, k: int) -> Together:
    """Values and replicates of every pair.

    Args:
        score: from neighbours, one model and several others ``(others,)`` to values ``(others,)``.
    """
    rows: dict[int, list[int]] = {}
    for p, (i, _) in enumerate(block.pairs.tolist()):
        rows.setdefault(i, []).append(p)
    out = []
    for near in every_neighbourhood(block, k=k):
        values = torch.empty(len(block.pairs), dtype=torch.float64)
        for i, places in rows.items():
            values[places] = score(near, i, block.pairs[places, 1].to(near.order.device)).cpu()
        out.append(values)
    return Together(out[0], torch.stack(out[1:]) if len(out) > 1 else None)


def overlaps(near: Near, i: int, others: Tensor) -> Tensor:
    """How many neighbours of each sample are shared, ``(others, left)``, float64."""
    mine = near.order[i].expand(len(others), -1, -1)
    return near.member[others].gather(2, mine).sum(2).to(torch.float64)


def has_neighbours(features: Tensor, *, k: int, **_: object) -> None:
    """Refuse features whose neighbours are not defined."""
    if k >= len(features):
        raise Undefined(f"k = {k} neighbours need more than {k} samples; there are {len(features)}.")
    if bool((features == 0).all(1).any()):
        raise Undefined("Some samples have all features zero, so their cosine is 0/0.")
    unit = torch.nn.functional.normalize(features.to(torch.float64), dim=1)
    if float((unit - unit[0]).abs().amax()) < 1e-7:
        nearest(cosines(features), k=k)
