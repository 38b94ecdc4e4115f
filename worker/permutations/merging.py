"""Units that read nearly the same, made one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor, nn

from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.permutations.orders import Orders, Place, orders_of, units_at

# Modules whose tensors say by which axis they make their outputs; what else holds units is not merged.
BY_FIRST_AXIS = (
    nn.Linear,
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.LayerNorm,
    nn.GroupNorm,
)
MOST_UNITS = 4096


@dataclass(frozen=True)
class Mergeable:
    """Units of one order that may be merged.

    Attributes:
        size: how many.
        places: where what they read is written: rows of weights, biases, entries of norms.
        tree: merges, nearest first, as scipy's ``linkage`` writes them; heights are relative distances.
    """

    size: int
    places: tuple[Place, ...]
    tree: np.ndarray


def mergeable(subject: Subject) -> tuple[list[Mergeable], int]:
    """The hidden units of a network by order, with the tree of their merges, and how many units are left aside.

    Units that a tensor of unknown use touches, such as a parameter of the network's own that is added to them, are left
    aside: they would not give the same when what they read is the same.

    The distance of two units is that of all the weights by which they are made, over the root of the sum of both
    squared lengths: 0 for copies, 1 for orthogonal ones. Trees are of average linkage.

    Raises:
        Undefined: no units can be told apart from what reads them.
    """
    orders: Orders = subject.once("orders", lambda: orders_of(subject.module, subject.x))
    tensors, modules = {**subject.weights, **subject.buffers}, dict(subject.module.named_modules())
    found, skipped = [], 0
    for order, size in orders.sizes.items():
        places = [p for p in orders.places[order] if p.tensor in tensors]
        making = tuple(p for p in places if _makes(modules, p))
        reading = [p for p in making if p.tensor in subject.weights]
        if size < 2 or not reading or not all(p in making or _reads(modules, p) for p in places):
            skipped += size
            continue
        if size > MOST_UNITS:
            raise Undefined(f"A layer has {size:,} units; up to {MOST_UNITS:,} are merged.")
        rows = torch.cat([units_at(tensors[p.tensor], p, size) for p in reading], 1).double().cpu()
        squares = rows.square().sum(1)
        apart = (squares[:, None] + squares[None] - 2 * rows @ rows.T).clamp_min(0)
        distance = (apart / (squares[:, None] + squares[None]).clamp_min(1e-300)).sqrt().numpy()
        tree = linkage(distance[np.triu_indices(size, 1)], method="average")
        found.append(Mergeable(size, making, tree))
    if not found:
        because = f" What {orders.untold[0]} reads keeps its order." if orders.untold else ""
        raise Undefined(f"No units of this network can be told from what reads them.{because}")
    return found, skipped


def merged(subject: Subject, units: list[Mergeable], distance: float) -> tuple[dict[str, Tensor], int]:
    """Parameters and buffers with units merged up to a distance, and how many different units are left.

    Merged units all read what they read on average; they then give the same, and whatever reads them reads their sum,
    as if there were one.
    """
    out: dict[str, Tensor] = {**subject.weights, **subject.buffers}
    left = 0
    for some in units:
        member = torch.from_numpy(fcluster(some.tree, distance, criterion="distance")).long() - 1
        count = int(member.max()) + 1
        left += count
        if count == some.size:
            continue
        for place in some.places:
            out[place.tensor] = _averaged(out[place.tensor], place, member, count)
    return out, left


def _averaged(tensor: Tensor, place: Place, member: Tensor, count: int) -> Tensor:
    axis = place.axis
    member = member.to(tensor.device)
    parts = tensor.unflatten(axis, (-1, len(member), place.inner))
    sizes = torch.bincount(member, minlength=count).to(tensor)
    shape = [count if k == axis + 1 else n for k, n in enumerate(parts.shape)]
    sums = torch.zeros(shape, dtype=tensor.dtype, device=tensor.device).index_add_(axis + 1, member, parts)
    means = sums / sizes.view([-1 if k == axis + 1 else 1 for k in range(sums.ndim)])
    return means.index_select(axis + 1, member).flatten(axis, axis + 2)


def _makes(modules: Mapping[str, nn.Module], place: Place) -> bool:
    """Whether a tensor makes units along this axis, rather than reads them."""
    owner = modules.get(place.tensor.rpartition(".")[0])
    if isinstance(owner, nn.Embedding):
        return place.axis == 1
    if isinstance(owner, nn.modules.conv._ConvTransposeNd):
        return place.axis == 1 and owner.groups == 1
    return isinstance(owner, BY_FIRST_AXIS) and place.axis == 0


def _reads(modules: Mapping[str, nn.Module], place: Place) -> bool:
    """Whether a tensor reads units along this axis; a parameter of the network's own may add to them."""
    owner = modules.get(place.tensor.rpartition(".")[0])
    if isinstance(owner, nn.modules.conv._ConvTransposeNd):
        return place.axis == 0
    return isinstance(owner, nn.Linear | nn.modules.conv._ConvNd) and place.axis == 1
