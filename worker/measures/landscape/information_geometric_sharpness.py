"""Information geometric sharpness."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change, Parameter
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.per_sample_gradients import (
    factors,
    layers_with_rule,
    norm_rows,
    own_weights,
    rows_by_sample,
    watch,
    weights_without_rule,
)
from kinscape.worker.evaluation.intervals import row_groups
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card

# An eigendecomposition grows with the cube of it.
LARGEST_GRAM = 4000
# Values of gradients at a time.
VALUES_AT_ONCE = 1 << 26
# Values of gradients of tensors without a shortcut.
MOST_ROWS = 1 << 28
# Smaller eigenvalues are rounding of the largest.
ROUNDING = 1e-10


def slope_gram(subject: Subject) -> tuple[Tensor, Tensor]:
    """Inner products of the gradients of all log-probabilities, and the probabilities ``(samples, classes)``.

    Row ``i·classes + c`` is ``∇ log p_c`` of sample i; layers with a rule give their share from what
    enters and leaves them.

    Returns:
        ``(samples·classes, samples·classes)`` and probabilities, float64.
    """
    layers = layers_with_rule(subject)
    parts = [_watched(subject, layers, x) for x in subject.x.split(subject.chunk)]
    p, directions = torch.cat([w.p for w in parts]), torch.cat([w.directions for w in parts])
    samples, classes = p.shape
    gram = torch.zeros(samples * classes, samples * classes, dtype=torch.float64, device=p.device)
    for name, layer in layers.items():
        own = {n.rsplit(".", 1)[-1] for n in own_weights(name, layer)}
        inputs, slopes = torch.cat([w.inputs[name] for w in parts]), torch.cat([w.slopes[name] for w in parts])
        gram += _layer_gram(layer, inputs, slopes, own)
    rest = weights_without_rule(subject)
    if rest:
        most = max(subject.weights[n].numel() for n in rest)
        if samples * classes * most > MOST_ROWS:
            raise Undefined(
                f"A weight of {most:,} numbers belongs to no layer with a rule, which is too many for {samples} "
                f"samples of {classes} classes: name a smaller batch."
            )
        for rows in rows_by_sample(subject, rest, subject.x, directions).values():
            flat = rows.reshape(samples * classes, -1).double()
            gram += flat @ flat.T
    return gram, p.double()


class _Watched(NamedTuple):
    """What one pass of some samples leaves: by layer what enters it, and slopes ``(samples, classes, ...)``."""

    p: Tensor
    directions: Tensor
    inputs: dict[str, Tensor]
    slopes: dict[str, Tensor]


def _watched(subject: Subject, layers: dict[str, nn.Module], x: Tensor) -> _Watched:
    watched = watch(subject, layers, x)
    p = watched.logits.detach().softmax(1)
    directions = torch.eye(p.shape[1], dtype=p.dtype, device=p.device) - p[:, None, :]
    by_class = [watched.slopes(directions[:, c]) for c in range(p.shape[1])]
    slopes = {name: torch.stack([one[name] for one in by_class], 1) for name in layers}
    return _Watched(p, directions, watched.inputs, slopes)


def _layer_gram(layer: nn.Module, x: Tensor, slopes: Tensor, own: set[str]) -> Tensor:
    """One layer's share of the Gram matrix.

    Args:
        x: what enters the layer, ``(samples, ...)``.
        slopes: gradients by what leaves it, ``(samples, classes, ...)``.
    """
    samples, classes = slopes.shape[:2]
    if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
        spread = x.repeat_interleave(classes, 0)
        gains, shifts = norm_rows(layer, spread, slopes.flatten(0, 1))
        both = [r.double() for r, n in ((gains, "weight"), (shifts, "bias")) if n in own]
        return torch.stack([r @ r.T for r in both]).sum(0)
    seen, _ = factors(layer, x, slopes[:, 0])
    moved = torch.stack([factors(layer, x, slopes[:, c])[1] for c in range(classes)], 1)
    out = torch.zeros(samples * classes, samples * classes, dtype=torch.float64, device=x.device)
    if "bias" in own:
        shifts = moved.sum(2).flatten(0, 1).double()
        out += shifts @ shifts.T
    if seen.shape[1] == 1:
        inputs, rows = seen[:, 0].double(), moved[:, :, 0].flatten(0, 1).double()
        return out + (rows @ rows.T) * (inputs @ inputs.T).repeat_interleave(classes, 0).repeat_interleave(classes, 1)
    # Gradients of a few output units at a time: memory stays bounded whatever the layer's size.
    at_once = max(1, VALUES_AT_ONCE // (samples * classes * seen.shape[2]))
    for units in moved.split(at_once, dim=3):
        rows = (units.mT @ seen[:, None]).reshape(samples * classes, -1).double()
        out += rows @ rows.T
    return out


@measure(
    minimum_card(
        slug="information-geometric-sharpness",
        version=2,
        title="Information geometric sharpness",
        formula=r"\tfrac1m\sum_i g_i^\top F_k^{+} g_i,\quad F = \tfrac1m\sum_i\sum_c p_{ic}\,\nabla\log p_{ic}"
        r"\nabla\log p_{ic}^\top,\ g_i = \nabla\log p_{i y_i}",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS},
        needs_labels=True,
        reliable_from="100 samples in the batch; it grows with the batch until the batch is larger than the weights "
        "allow",
        pitfalls="With every eigenvector of a batch that the network can fit it is just Σ(1/p_y − 1), reported with "
        "it. Truncated to k eigenvectors it changes when layers are rescaled. The interval holds the "
        "eigenvectors fixed.",
        source="Jang et al. 2022, equation 9, through the Gram matrix of the batch",
        parameters=(
            Parameter(name="k", default=50, minimum=0, maximum=100000, help="Largest eigenvectors to keep; 0 for all."),
            Parameter(name="batch", default=100, minimum=1, maximum=10000, help="Samples of the batch, drawn by seed."),
        ),
        tolerance=1e-3,
    ),
)
def information_geometric_sharpness(subject: Subject, *, k: int, batch: int) -> Measurement:
    """Size of the labels' gradients in the metric of the model's own Fisher matrix."""
    chosen = torch.randperm(subject.samples, generator=subject.generator())[:batch].sort().values
    part = subject.of_rows(chosen)
    with torch.no_grad():
        classes = part.logits(part.weights, part.x[:1]).shape[1]
    if len(chosen) * classes > LARGEST_GRAM:
        raise Undefined(
            f"{len(chosen)} samples of {classes} classes are too many for one Gram matrix: the batch may hold "
            f"{LARGEST_GRAM // classes}."
        )
    gram, p = slope_gram(part)
    weights = p.flatten() / len(chosen)
    values, vectors = torch.linalg.eigh(gram * weights.sqrt()[:, None] * weights.sqrt()[None])
    kept = values > ROUNDING * float(values[-1])
    if not bool(kept.any()):
        raise Undefined("The Fisher matrix is zero: the answers do not depend on the weights.")
    if k:
        kept[: max(0, len(kept) - k)] = False
    right = torch.arange(len(chosen), device=p.device) * classes + part.y
    samples = (vectors[right][:, kept].square().sum(1) / weights[right]).cpu()
    everything = float((1 / p.flatten()[right] - 1).sum())
    groups = row_groups(len(chosen)) if subject.groups else ()
    replicates = group_means(samples, part.grouped(groups))
    notes: dict[str, float | int | str] = {
        "eigenvectors": int(kept.sum()),
        "samples": len(chosen),
        "sum_of_inverse_odds": everything,
    }
    return Measurement(float(samples.mean()), replicates, notes=notes)
