"""Weights set to zero."""

import torch
from torch import Tensor

from kinscape.worker.inputs.weights import Weights
from kinscape.worker.numerics.draws import generator_of
from kinscape.worker.operations.matrices import matrix_names


def pruned(weights: Weights, *, share: float, per_layer: bool, at_random: bool, seed: int) -> dict[str, Tensor]:
    """Weights with a share of the entries of their matrices set to zero, the smallest first.

    Source: Han et al. 2015 (by size, layer by layer); Frankle & Carbin 2019 (over the whole network).

    Args:
        share: of entries, 0 … 1; rounded to whole entries.
        per_layer: whether each matrix loses this share; else the entries of all are ranked together.
        at_random: whether entries are chosen by chance instead.
    """
    names = matrix_names(weights)
    generator = generator_of("prune", seed)

    def score(name: str) -> Tensor:
        if at_random:
            return torch.rand(weights[name].shape, generator=generator)
        return weights[name].detach().abs().float()

    scores = {name: score(name) for name in names}
    rooms = [[name] for name in names] if per_layer else [names]
    out = dict(weights)
    for room in rooms:
        together = torch.cat([scores[name].flatten() for name in room])
        count = round(share * len(together))
        kept = torch.ones(len(together), dtype=torch.bool)
        # Of equal entries, those that are stored first go first: the share is met exactly.
        kept[torch.argsort(together, stable=True)[:count]] = False
        for name, part in zip(room, kept.split([scores[n].numel() for n in room]), strict=True):
            out[name] = weights[name] * part.view_as(weights[name])
    return out
