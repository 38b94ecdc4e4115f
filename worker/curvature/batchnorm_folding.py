"""BatchNorm in eval mode as part of the convolution before it.

There it is an affine map with fixed statistics: its gain multiplies the filters, its shift is their bias.
The network stays the same function of the same weights, but nothing of the size of the images is left of its
norm layers, neither in the pass nor in its derivatives.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.broken import BROKEN
from kinscape.worker.curvature.layer_calls import single_calls
from kinscape.worker.inputs.functional import call_with, copied
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.numerics.draws import generator_of

# The folded network is tried at other weights, too: a tenth of their size leaves the point, not the regime.
STEP = 0.1
# Rounding of float64 through some dozens of layers.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class FoldedNetwork:
    """A network whose norm layers went into the convolutions before them.

    Attributes:
        norms: each norm layer by the name of its convolution, with its own name.
        module: the network without them, and without numbers of its own.
    """

    norms: dict[str, tuple[str, nn.BatchNorm2d]]
    module: nn.Module

    def state(self, weights: Weights) -> dict[str, Tensor]:
        """The tensors of ``module`` for some weights and statistics of the network."""
        state = dict(weights)
        for conv, (norm, layer) in self.norms.items():
            state.pop(f"{norm}.num_batches_tracked", None)
            mean, spread = state.pop(f"{norm}.running_mean"), (state.pop(f"{norm}.running_var") + layer.eps).rsqrt()
            gain, shift = state.pop(f"{norm}.weight") * spread, state.pop(f"{norm}.bias")
            bias = state.get(f"{conv}.bias")
            state[f"{conv}.weight"] = state[f"{conv}.weight"] * gain[:, None, None, None]
            state[f"{conv}.bias"] = shift + gain * (-mean if bias is None else bias - mean)
        return state


def folded(subject: Subject) -> Callable[[Weights, Tensor], Tensor]:
    """The network as a function of weights and samples, by the cheaper of two equal ways.

    Ask for it outside of a derivative: what is tried and kept here must not belong to one.
    """
    found = _folded_once(subject)
    buffers = subject.buffers
    if found is None:
        return subject.logits
    lighter, state = replace(subject, module=found.module), found.state
    return lambda weights, x: lighter.logits(state({**buffers, **weights}), x)


def is_folded(subject: Subject) -> bool:
    """Whether some norm layers of the network went into the convolutions before them."""
    return _folded_once(subject) is not None


def _folded_once(subject: Subject) -> FoldedNetwork | None:
    found: FoldedNetwork | None = subject.once("folded", lambda: _folded(subject))
    return found


def _folded(subject: Subject) -> FoldedNetwork | None:
    norms = _norms_after_convolutions(subject)
    if not norms:
        return None
    module = copied(subject.module)
    for conv, (norm, _) in norms.items():
        layer = module.get_submodule(conv)
        if layer.bias is None:
            layer.bias = nn.Parameter(torch.zeros(len(layer.weight)).to(layer.weight))
        parent, _, own = norm.rpartition(".")
        setattr(module.get_submodule(parent), own, nn.Identity())
    # Every pass brings the weights along: a copy of them would be kept for nothing.
    found = FoldedNetwork(norms, module.to("meta"))
    return found if _is_same(subject, found) else None


def _norms_after_convolutions(subject: Subject) -> dict[str, tuple[str, nn.BatchNorm2d]]:
    """Norm layers that are given just what a convolution returned, by the name of the convolution."""
    calls = single_calls(subject, (nn.Conv2d, nn.BatchNorm2d), subject.x[:1])
    found: dict[str, tuple[str, nn.BatchNorm2d]] = {}
    for name, call in calls.items():
        if not isinstance(call.layer, nn.BatchNorm2d) or not _is_affine(call.layer):
            continue
        for conv, before in calls.items():
            if isinstance(before.layer, nn.Conv2d) and before.out is call.given:
                found[conv] = (name, call.layer)
    return found


def _is_affine(norm: nn.BatchNorm2d) -> bool:
    return norm.affine and norm.track_running_stats and not norm.training


def _is_same(subject: Subject, found: FoldedNetwork) -> bool:
    """Whether both ways agree to float64 rounding at weights near the network's own.

    At its own weights they may agree by chance, such as where a gain that starts at 0 hides
    that a convolution's output is used a second time.
    """
    generator = generator_of("a step of the weights")
    state = {n: b.double() if b.is_floating_point() else b for n, b in subject.buffers.items()}
    for name, weight in subject.weights.items():
        step = torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight.device)
        size = float(weight.double().square().mean().sqrt())
        state[name] = weight.double() + STEP * (size or 1.0) * step
    x = subject.x[:2].double()
    try:
        with torch.no_grad():
            right = call_with(subject.module, state, x)
            got = call_with(found.module, found.state(state), x)
            return bool(((got - right).abs() <= TOLERANCE * right.abs().max()).all())
    except BROKEN:
        return False
