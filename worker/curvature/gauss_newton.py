"""The generalised Gauss-Newton matrix: exact traces per sample and weight, and products with vectors."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.batchnorm_folding import folded
from kinscape.worker.curvature.per_sample_gradients import (
    RecordedForward,
    layers_with_rule,
    rows_by_sample,
    squared_norms,
    watch,
    weights_without_rule,
)
from kinscape.worker.curvature.vectors import Product, flat, unflat
from kinscape.worker.inputs.subject import Subject, exact_attention

# 256 MiB of float32.
MOST_VALUES = 1 << 26
# 64 MiB of float32: batched backward passes hold every class's gradient of every layer.
MOST_VALUES_OF_ROWS = 1 << 24
# Bounds a pass of tiny networks.
MOST_SAMPLES = 1024
# The exact trace takes one backward pass per class; above this, classes are drawn.
MOST_CLASSES = 1000
# The error over draws is reported with the value.
CLASS_DRAWS = 64


@dataclass(frozen=True)
class Traces:
    """Traces of every sample's Gauss-Newton matrix.

    Attributes:
        by_weight: ``(samples,)`` of each weight tensor's block by name, float64, on the CPU.
        variances: ``(samples,)`` of the whole traces over drawn classes; nothing where all classes were used
            and the traces are exact.
    """

    by_weight: dict[str, Tensor]
    variances: Tensor | None = None

    @property
    def samples(self) -> Tensor:
        """The whole trace of every sample, ``(samples,)``."""
        return torch.stack(list(self.by_weight.values())).sum(0)

    @property
    def monte_carlo_error(self) -> float | None:
        """Standard error of the mean trace over drawn classes."""
        if self.variances is None:
            return None
        return float(self.variances.sum().sqrt() / len(self.variances))


def gauss_newton_traces(subject: Subject) -> Traces:
    """Traces of every sample's Gauss-Newton matrix, made once for all measures that need them.

    The Hessian of cross-entropy in the logits is ``Σ_c p_c (e_c - p)(e_c - p)ᵀ``, so the trace
    is ``Σ_c p_c ‖Jᵀ(e_c - p)‖²``: one backward pass per class. With more than 1,000 classes some are
    drawn from the model's own probabilities for each sample instead.
    """
    found: Traces = subject.once("gauss-newton traces", lambda: _traces(subject))
    return found


def _traces(subject: Subject) -> Traces:
    layers, rest = layers_with_rule(subject), weights_without_rule(subject)
    generator = subject.generator()
    parts: list[dict[str, Tensor]] = []
    variances: list[Tensor] = []
    for x in subject.x.split(samples_at_once(subject)):
        watched = watch(subject, layers, x)
        p = watched.logits.detach().softmax(1)
        draws = CLASS_DRAWS if p.shape[1] > MOST_CLASSES else 0
        directions = _class_directions(p, draws, generator)
        total = {n: torch.zeros(len(x), dtype=torch.float64, device=x.device) for n in subject.weights}
        by_direction = torch.zeros(len(x), len(directions), dtype=torch.float64, device=x.device)
        for weight, which, norms in _squared_slopes(watched, layers, directions):
            total[weight] += norms.double().sum(0)
            by_direction[:, which] += norms.T
        if rest:
            for weight, rows in rows_by_sample(subject, rest, x, torch.stack(directions, 1)).items():
                norms = rows.reshape(*rows.shape[:2], -1).double().square().sum(2)
                total[weight] += norms.sum(1)
                by_direction += norms
        parts.append(total)
        if draws:
            # Each direction is its draw divided by their number.
            variances.append((by_direction * draws).var(1) / draws)
    by_weight = {n: torch.cat([part[n] for part in parts]).cpu() for n in subject.weights}
    return Traces(by_weight, torch.cat(variances).cpu() if variances else None)


def _squared_slopes(
    watched: RecordedForward, layers: dict[str, nn.Module], directions: list[Tensor]
) -> Iterator[tuple[str, slice, Tensor]]:
    """Each weight with squared lengths of its gradients, ``(directions, samples)``, and which directions those are."""
    values = len(directions) * sum(out.numel() for out in watched.outputs.values())
    are_rows = all(type(layers[n]) is nn.Linear and x.ndim == 2 for n, x in watched.inputs.items())
    slopes = None
    if are_rows and values <= MOST_VALUES_OF_ROWS:
        # Other layers between these may not know how to go backward for many directions at once.
        with contextlib.suppress(RuntimeError):
            slopes = watched.slopes_of_rows(torch.stack(directions))
    if slopes is not None:
        for name, slope in slopes.items():
            for weight, norms in squared_norms(name, layers[name], watched.inputs[name], slope).items():
                yield weight, slice(None), norms
        return
    for k, direction in enumerate(directions):
        for name, slope in watched.slopes(direction).items():
            for weight, norms in squared_norms(name, layers[name], watched.inputs[name], slope).items():
                yield weight, slice(k, k + 1), norms[None]


def samples_at_once(subject: Subject) -> int:
    """How many samples fit one pass: the input patches of a layer (im2col) are laid out as well."""
    layers = layers_with_rule(subject)
    with torch.no_grad():
        watched = watch(subject, layers, subject.x[:1])
    sizes = [_values(layers[n], x, watched.outputs[n]) for n, x in watched.inputs.items()]
    alone = sum(subject.weights[n].numel() for n in weights_without_rule(subject))
    # Weights without a rule have a gradient for every class of every sample.
    largest = max([1, *sizes, watched.logits.shape[1] * alone])
    return max(1, min(MOST_SAMPLES, subject.chunk, MOST_VALUES // largest))


def _values(layer: nn.Module, x: Tensor, out: Tensor) -> int:
    """Numbers that one sample leaves at a layer while its squared gradient is taken."""
    if isinstance(layer, nn.Conv2d):
        height, width = layer.kernel_size
        positions = out.shape[2] * out.shape[3]
        seen = x.shape[1] * height * width
        return max(positions * seen, min(positions**2, seen * out.shape[1]))
    if isinstance(layer, nn.Linear):
        positions = max(1, x.numel() // x.shape[-1])
        return max(x.numel(), min(positions**2, x.shape[-1] * out.shape[-1]))
    return x.numel()


def _class_directions(p: Tensor, draws: int, generator: torch.Generator) -> list[Tensor]:
    """Directions ``(samples, classes)`` whose squared slopes sum to the trace."""
    if not draws:
        return [
            _towards(p, torch.full((len(p),), c, device=p.device)) * p[:, c : c + 1].sqrt() for c in range(p.shape[1])
        ]
    chosen = torch.multinomial(p.double().cpu(), draws, replacement=True, generator=generator).to(p.device)
    return [_towards(p, chosen[:, k]) / draws**0.5 for k in range(draws)]


def _towards(p: Tensor, classes: Tensor) -> Tensor:
    direction = -p
    return direction.scatter_add(1, classes[:, None], torch.ones_like(p[:, :1]))


def logit_slopes(subject: Subject, vector: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """Probabilities and the logits' derivative along a vector, each ``(samples, classes)``, float64."""
    names = list(subject.weights)
    tangent = dict(zip(names, unflat(vector, list(subject.weights.values())), strict=True))

    network = folded(subject)

    def logits(weights: dict[str, Tensor]) -> Tensor:
        return network(weights, subject.x[rows])

    with exact_attention(), torch.no_grad():
        out, slope = torch.func.jvp(logits, (subject.weights,), (tangent,))[:2]
    return out.double().softmax(1), slope.double()


def gauss_newton_forms(subject: Subject, vector: Tensor) -> Tensor:
    """Quadratic form of every sample's Gauss-Newton matrix along a vector, ``(samples,)``, float64.

    One forward derivative: the variance of the logits' slopes under the model's own probabilities.
    """
    parts = []
    for start in range(0, subject.samples, subject.chunk):
        p, slope = logit_slopes(subject, vector, slice(start, start + subject.chunk))
        parts.append((p * slope.square()).sum(1) - (p * slope).sum(1).square())
    return torch.cat(parts).clamp_min(0).cpu()


def gauss_newton_product(subject: Subject) -> Product:
    """A function that multiplies a vector by the Gauss-Newton matrix of the mean loss."""

    def product(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for start in range(0, subject.samples, subject.chunk):
            rows = slice(start, start + subject.chunk)
            p, slope = logit_slopes(subject, vector, rows)
            pushed = p * (slope - (p * slope).sum(1, keepdim=True))
            leaves = {n: w.clone().requires_grad_() for n, w in subject.weights.items()}
            logits = folded(subject)(leaves, subject.x[rows])
            pulled = torch.autograd.grad(logits, list(leaves.values()), pushed.to(logits.dtype), materialize_grads=True)
            total += flat(pulled)
        return total / subject.samples

    return product
