"""Networks that answer for every position: each position becomes a row of outputs, which belongs to its sample."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined

# Values of one model's outputs that are kept: half a gibibyte in float64. Of larger vocabularies fewer positions are
# looked at, and each with all its classes: cutting classes off would change what every divergence means.
MOST_VALUES = 1 << 26
# Outputs of a sample: classes; positions and classes; classes and two sides of a map.
PLAIN, SEQUENCE, MAP = 2, 3, 4
UNLABELLED = -1


@dataclass(frozen=True)
class Rows:
    """Outputs of some samples as rows.

    Attributes:
        logits: ``(rows, classes)``.
        labels: what each row should be, ``(rows,)``: the next token; None where nothing tells.
        sequences: the sample of each row, ``(rows,)``; None where every sample is one row.
    """

    logits: Tensor
    labels: Tensor | None = None
    sequences: Tensor | None = None


def rows_of(out: Tensor, x: Tensor, *, are_tokens: bool, mask: Tensor | None, samples: int, first: int) -> Rows:
    """The answers to some samples as rows.

    Of a language model the answer at each token is for the next one, which is its label; the last token has none, and
    where the mask is 0 there is no token. Which positions are looked at depends on sizes alone, so that every model
    of a vocabulary is seen at the same ones.

    Args:
        out: ``(samples, classes)``, ``(samples, positions, classes)`` or ``(samples, classes, height, width)``.
        x: the samples, ``(samples, …)``.
        are_tokens: whether samples are texts.
        mask: ``(samples, positions)``, 1 where there is a token.
        samples: how many there are in all.
        first: number of the first of these.

    Raises:
        Undefined: the answers have another shape.
    """
    if out.ndim == PLAIN:
        return Rows(out)
    if out.ndim not in (SEQUENCE, MAP):
        raise Undefined("The network answers neither with classes, nor with classes for every position.")
    by_position = out if out.ndim == SEQUENCE else out.flatten(2).mT
    is_language = out.ndim == SEQUENCE and x.ndim == PLAIN and x.shape[1] == out.shape[1] and are_tokens
    usable = by_position.shape[1] - 1 if is_language else by_position.shape[1]
    if usable < 1:
        raise Undefined("The samples have one token each, so there is no next one to be predicted.")
    places = _places(usable, samples=samples, classes=by_position.shape[2]).to(out.device)
    logits = by_position[:, places]
    sequences = torch.arange(first, first + len(out), device=out.device)[:, None].expand(-1, len(places))
    labels = x[:, places + 1].long() if is_language else None
    keep = torch.ones(logits.shape[:2], dtype=torch.bool, device=out.device)
    if is_language and mask is not None and mask.shape == x.shape:
        keep = (mask[:, places] > 0) & (mask[:, places + 1] > 0)
    return Rows(logits[keep], None if labels is None else labels[keep], sequences[keep])


def _places(usable: int, *, samples: int, classes: int) -> Tensor:
    """Positions that are looked at: all, or as many as there is room for, evenly spread."""
    count = min(usable, max(1, MOST_VALUES // max(1, samples * classes)))
    places: Tensor = torch.linspace(0, usable - 1, count).round().long().unique()
    return places
