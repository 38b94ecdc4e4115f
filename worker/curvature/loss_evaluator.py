"""A copy of a network that is asked for its losses at many points of a line or a plane."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.broken import BROKEN
from kinscape.worker.curvature.layer_calls import first_layer
from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.passes import smallest_batch
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.numerics.memo import Memo

# Far enough from the network for a wrong shortcut to show.
TRIED_STEP = 0.3


class LossEvaluator:
    """Losses of a network moved along some directions.

    Where the samples fit one pass, the first layer is multiplied with them once for the network and once for
    each direction: it is linear in its weights and reads the samples alone, so that at every point what it
    returns is a sum. Of a perceptron on images that is nearly all there is to compute.
    """

    def __init__(self, subject: Subject, directions: Sequence[Weights]) -> None:
        self._from = subject.weights
        self._directions = directions
        self._first: _Constant | None = None
        self._outputs: list[Tensor] = []
        self._take_copy(subject)
        if subject.samples <= self._subject.samples_at_once:
            try:
                self._take_over_first_layer(subject)
                taken = self._is_right(subject)
            except BROKEN:
                taken = False
            if not taken:
                self._first = None
                self._take_copy(subject)

    def losses(self, steps: Sequence[float]) -> Tensor:
        """Cross-entropy of every sample after a step along each direction, ``(samples,)``, in nats."""
        for name, own in self._weights.items():
            _move(own, self._from[name], [d[name] for d in self._directions], steps)
        if self._first is not None:
            value = torch.empty_like(self._outputs[0])
            self._first.value = _move(value, self._outputs[0], self._outputs[1:], steps)
        return self._subject.losses()

    def _take_copy(self, subject: Subject) -> None:
        with torch.no_grad():
            # Networks that remember their activations can be copied only when these have no graph.
            subject.module(smallest_batch(subject.x))
        module = copied(subject.module)
        self._subject = replace(subject, module=module, memo=Memo())
        self._weights = {n: p.data for n, p in module.named_parameters() if n in subject.weights}

    def _take_over_first_layer(self, subject: Subject) -> None:
        found = first_layer(subject, (nn.Linear, nn.Conv2d))
        if found is None:
            return
        name, seen = found
        layer = subject.module.get_submodule(name)
        own = [p for p, _ in layer.named_parameters(recurse=False)]
        with torch.no_grad():
            self._outputs = [
                torch.func.functional_call(layer, {p: w[f"{name}.{p}"] for p in own}, (seen,))
                for w in (self._from, *self._directions)
            ]
        for p in own:
            self._weights.pop(f"{name}.{p}")
        self._first = _Constant(self._outputs[0])
        parent, _, last = name.rpartition(".")
        setattr(self._subject.module.get_submodule(parent), last, self._first)

    def _is_right(self, subject: Subject) -> bool:
        """Whether the losses of one point are those of the network itself there."""
        if self._first is None:
            return True
        steps = [TRIED_STEP / (k + 1) for k in range(len(self._directions))]
        there = {
            n: _move(torch.empty_like(w), w, [d[n] for d in self._directions], steps) for n, w in self._from.items()
        }
        right, found = subject.losses(there).double(), self.losses(steps).double()
        room = 1e-9 if right.dtype == self._outputs[0].dtype else 1e-3
        return bool(((found - right).abs() <= room * (1 + right.abs().amax())).all())


class _Constant(nn.Module):
    """Returns what it was given, whatever it reads."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, _: Tensor) -> Tensor:
        return self.value


def _move(own: Tensor, start: Tensor, directions: Sequence[Tensor], steps: Sequence[float]) -> Tensor:
    """Write the start plus steps along directions."""
    own.copy_(start)
    for direction, step in zip(directions, steps, strict=True):
        # Adding nothing would still turn a direction without bounds into NaN.
        if step:
            own.add_(direction, alpha=step)
    return own
