"""What a network predicts for the samples of a probe set."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined

# Below this, counting the larger ones (quadratic in classes) is faster than sorting.
FEW_CLASSES = 32
# Rows of float32 probabilities sum to 1 that closely.
NEAR_ONE = 1e-3


@dataclass(frozen=True)
class Outputs:
    """The outputs of one model for a probe set.

    Attributes:
        logits: ``(samples, classes)``, float64.
        labels: ``(samples,)``, int64, where the probe set has them.
        sequences: of a network that answers for every position, the sample of each row; None where rows are samples.
        references: the same of the checkpoints that a measure needs beside those it compares.
    """

    logits: Tensor
    labels: Tensor | None = None
    sequences: Tensor | None = None
    references: tuple["Outputs", ...] = ()

    def rows(self, index: Tensor) -> "Outputs":
        """The outputs for some of the samples."""
        index = index.to(self.logits.device)
        labels = None if self.labels is None else self.labels[index]
        sequences = None if self.sequences is None else self.sequences[index]
        return Outputs(self.logits[index], labels, sequences, tuple(r.rows(index) for r in self.references))

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.logits.shape[0])

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Log softmax of the logits, ``(samples, classes)``, in nats."""
        return self.logits.log_softmax(dim=1)

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, ``(samples, classes)``."""
        return self.log_probabilities.exp()

    @cached_property
    def predictions(self) -> Tensor:
        """Most likely class of each sample; the first one where several tie."""
        return self.logits.argmax(dim=1)

    @cached_property
    def order(self) -> Tensor:
        """Classes of each sample from the most to the least likely, ties by number, ``(samples, classes)``."""
        if self.logits.shape[1] <= FEW_CLASSES:
            return _inverse(self.places)
        found = self.logits.sort(dim=1, descending=True, stable=True).indices
        return found.to(torch.uint8 if found.shape[1] <= 256 else torch.int32)

    @cached_property
    def places(self) -> Tensor:
        """Place of each class in that order, from 0, ``(samples, classes)``."""
        return _places_of_few(self.logits) if self.logits.shape[1] <= FEW_CLASSES else _inverse(self.order)

    @cached_property
    def right(self) -> Tensor:
        """1 where the prediction is the label, else 0, ``(samples,)``, float64."""
        if self.labels is None:
            raise Undefined("This measure needs labels, and the probe set has none.")
        return (self.predictions == self.labels).to(self.logits.dtype)


def _places_of_few(logits: Tensor) -> Tensor:
    """A class stands behind as many as come before it; few are counted sooner than sorted."""
    samples, classes = logits.shape
    z = logits.T.contiguous()
    behind = torch.arange(classes - 1, -1, -1, dtype=torch.int8, device=z.device)[:, None].repeat(1, samples)
    for step in range(1, classes):
        comes_first = (z[:-step] >= z[step:]).view(torch.int8)
        behind[step:] += comes_first
        behind[:-step] -= comes_first
    return behind.T.contiguous().view(torch.uint8)


def _inverse(order: Tensor) -> Tensor:
    """Where each number stands in rows that hold every number once, ``(rows, numbers)``."""
    numbers = torch.arange(order.shape[1], dtype=order.dtype, device=order.device)
    return torch.empty_like(order).scatter_(1, order.long(), numbers.expand(len(order), -1))


def are_probabilities(outputs: Tensor) -> bool:
    """Whether all rows are not negative and sum to 1, which logits do not."""
    return bool((outputs >= 0).all()) and not bool(((outputs.double().sum(-1) - 1).abs() > NEAR_ONE).any())
