"""Relative flatness of every layer."""

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.cards import Change
from kinscape.worker.curvature.gauss_newton import MOST_VALUES, samples_at_once
from kinscape.worker.curvature.group_means import group_means
from kinscape.worker.curvature.per_sample_gradients import factors, layers_with_rule, watch
from kinscape.worker.curvature.piecewise_linear import is_piecewise_linear
from kinscape.worker.evaluation.intervals import half_width
from kinscape.worker.evaluation.measure import measure
from kinscape.worker.evaluation.measurement import Measurement
from kinscape.worker.inputs.subject import Subject
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.measures.landscape.family import minimum_card


@measure(
    minimum_card(
        slug="relative-flatness-layers",
        title="Relative flatness, all layers",
        formula=r"\sum_l \tfrac1N\sum_i\sum_c p_{ic}\, \lVert W_l^\top \nabla_{W_l}(z_{ic} - \bar z_i)\rVert_F^2",
        low=0.0,
        high=None,
        ignores={Change.PERMUTE_UNITS, Change.RESCALE_LAYERS},
        reliable_from="200 samples",
        pitfalls="Linear and convolutional layers (a kernel's rows are its output channels), biases and norms left "
        "out; a "
        "layer that is used twice is not in it. Of the Gauss-Newton matrix, which within a layer is the Hessian for "
        "networks that are piecewise linear in their weights; the note says whether this one is.",
        source="Petzka et al. 2021, definition 3, for each layer; exact from one backward pass per class",
        tolerance=1e-4,
    ),
)
def relative_flatness_layers(subject: Subject) -> Measurement:
    """Curvature of the loss in each layer, weighted by the size of its weights, summed over layers."""
    layers: dict[str, nn.Module] = {
        n: m for n, m in layers_with_rule(subject).items() if isinstance(m, nn.Linear | nn.Conv2d)
    }
    if not layers:
        raise Undefined("No linear or convolutional layer of the network is used exactly once.")
    parts = [_samples(subject, layers, rows) for rows in torch.arange(subject.samples).split(samples_at_once(subject))]
    table = torch.cat(parts, dim=1)
    total = table.sum(0)
    left = [group_means(row, subject) for row in table]
    linear = {n for n, m in subject.module.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)}
    left_out = sorted(linear - set(layers))
    exact = "Hessian" if is_piecewise_linear(subject) else "Gauss-Newton matrix"
    return Measurement(
        float(total.mean()),
        group_means(total, subject),
        notes={"of": exact},
        warning=f"Left out, as their gradients have no rule: {', '.join(left_out)[:200]}." if left_out else "",
        series={
            "layer": list(layers),
            "value": table.mean(1).tolist(),
            "half_width": [None if r is None else float(half_width(r)) for r in left],
        },
    )


def _samples(subject: Subject, layers: dict[str, nn.Module], rows: Tensor) -> Tensor:
    """Relative flatness of every layer for some samples, ``(layers, samples)``, float64."""
    watched = watch(subject, layers, subject.x[rows.to(subject.x.device)])
    p = watched.logits.detach().softmax(1)
    out = torch.zeros(len(layers), len(p), dtype=torch.float64)
    for c in range(p.shape[1]):
        direction = -p
        direction[:, c] += 1
        slopes = watched.slopes(direction * p[:, c : c + 1].sqrt())
        for k, (name, layer) in enumerate(layers.items()):
            seen, moved = factors(layer, watched.inputs[name], slopes[name])
            weight = layer.get_parameter("weight").detach().flatten(1)
            out[k] += _squared(seen, moved @ weight).double().cpu()
    return out


def _squared(seen: Tensor, pulled: Tensor) -> Tensor:
    """``‖Σ_t pulled_t seen_tᵀ‖²`` of each sample, from the smaller of two products."""
    positions, width = seen.shape[1:]
    at_once = max(1, MOST_VALUES // min(positions**2, width**2))
    parts = []
    for a, b in zip(seen.split(at_once), pulled.split(at_once), strict=True):
        if positions <= width:
            parts.append(((a @ a.mT) * (b @ b.mT)).sum((1, 2)))
        else:
            parts.append((b.mT @ a).square().sum((1, 2)))
    return torch.cat(parts)
