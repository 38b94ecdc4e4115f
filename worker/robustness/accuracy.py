"""Which samples a network gets right."""

import torch
from torch import Tensor

from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.weights import Weights


def correct_on(subject: Subject, x: Tensor, *, weights: Weights | None = None) -> Tensor:
    """1 where the network gives the right class to a sample, ``(samples,)``, float64.

    Args:
        x: samples as the network takes them, in the order of the subject's labels.
        weights: other weights than the network's own.
    """
    parts = []
    with torch.no_grad():
        for start in range(0, len(x), subject.chunk):
            rows = slice(start, start + subject.chunk)
            logits = subject.logits(subject.weights if weights is None else weights, x[rows])
            parts.append(logits.argmax(1) == subject.y[rows])
    return torch.cat(parts).double().cpu()
