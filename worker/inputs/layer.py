"""What one layer of a network represents of the samples of a probe set."""

from dataclasses import dataclass

from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined


@dataclass(frozen=True)
class Layer:
    """The features of one layer of one model for a probe set, with what measures need beside them.

    Attributes:
        features: ``(samples, width)``.
        labels: ``(samples,)``, int64, where the probe set has them.
        inputs: ``(samples, values)``, the raw samples, flattened.
        logits: ``(samples, classes)``, the network's outputs.
        head: ``(classes, width)``, the last linear layer where this layer enters it.
    """

    features: Tensor
    labels: Tensor | None = None
    inputs: Tensor | None = None
    logits: Tensor | None = None
    head: Tensor | None = None

    def rows(self, index: Tensor) -> "Layer":
        """The same for some of the samples."""
        index = index.to(self.features.device)

        def some(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[index]

        return Layer(self.features[index], some(self.labels), some(self.inputs), some(self.logits), self.head)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.features.shape[0])

    @property
    def truth(self) -> Tensor:
        """The labels."""
        if self.labels is None or not self.labels.numel():
            raise Undefined("This measure needs labels, and the probe set has none.")
        return self.labels
