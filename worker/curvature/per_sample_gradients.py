"""Gradients of single samples from what enters and leaves each layer, without forming them.

Linear, Conv2d, BatchNorm2d and LayerNorm have a rule. Weights outside of these, or used twice, are
differentiated sample by sample. The rules are first tried on two samples against automatic
differentiation: a network that uses its layers in another way has no rule at all.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinscape.worker.curvature.layer_calls import single_calls
from kinscape.worker.inputs.subject import Subject, exact_attention
from kinscape.worker.inputs.together import depend_on_one_another
from kinscape.worker.inputs.undefined import Undefined

# vmap holds every gradient of a chunk at once.
SAMPLES_PER_MAP = 16


@dataclass(frozen=True)
class RecordedForward:
    """One forward pass of some samples, open for backward passes.

    Attributes:
        logits: ``(samples, classes)`` with their graph.
        inputs, outputs: of each layer with a rule, by name.
    """

    logits: Tensor
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def slopes(self, direction: Tensor) -> dict[str, Tensor]:
        """Gradient of ``⟨logits, direction⟩`` by each layer's output, sample by sample."""
        if not self.outputs:
            return {}
        found = torch.autograd.grad(
            self.logits, list(self.outputs.values()), direction, retain_graph=True, materialize_grads=True
        )
        return dict(zip(self.outputs, found, strict=True))

    def slopes_of_rows(self, directions: Tensor) -> dict[str, Tensor]:
        """The same for many directions ``(directions, samples, classes)`` in one pass."""
        if not self.outputs:
            return {}
        found = torch.autograd.grad(
            self.logits,
            list(self.outputs.values()),
            directions,
            retain_graph=True,
            materialize_grads=True,
            is_grads_batched=True,
        )
        return dict(zip(self.outputs, found, strict=True))


def layers_with_rule(subject: Subject) -> dict[str, nn.Module]:
    """The layers whose weights' gradients follow from what enters and leaves them.

    Raises:
        Undefined: samples of a pass depend on one another.
    """

    def found() -> dict[str, nn.Module]:
        if depend_on_one_another(subject):
            raise Undefined(
                "The network's output for a sample depends on the other samples of the pass, so a sample alone has "
                "neither loss nor gradient."
            )
        return _whose_rules_hold(subject, _candidates(subject))

    layers: dict[str, nn.Module] = subject.once("layer rules", found)
    return layers


def weights_without_rule(subject: Subject) -> list[str]:
    """Names of the weights that are differentiated sample by sample."""
    covered = {n for name, m in layers_with_rule(subject).items() for n in own_weights(name, m)}
    return [n for n in subject.weights if n not in covered]


def own_weights(name: str, layer: nn.Module) -> list[str]:
    """Names of a layer's own weights."""
    return [f"{name}.{p}" if name else p for p, _ in layer.named_parameters(recurse=False)]


def _whose_rules_hold(subject: Subject, layers: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """The layers whose rules give what automatic differentiation gives, on two samples."""
    names = [n for name, m in layers.items() for n in own_weights(name, m)]
    x = subject.x[:2]
    try:
        watched = watch(subject, layers, x)
        p = watched.logits.detach().softmax(1)
        direction = -p
        direction[:, 0] += 1
        slopes = watched.slopes(direction)
        by_autograd = rows_by_sample(subject, names, x, direction[:, None])
    except (RuntimeError, IndexError, ValueError):
        return {}
    right = {n: rows.square().flatten(1).sum(1) for n, rows in by_autograd.items()}
    return {n: m for n, m in layers.items() if _rule_holds(n, m, watched.inputs[n], slopes[n], right)}


def _rule_holds(name: str, layer: nn.Module, x: Tensor, slope: Tensor, right: dict[str, Tensor]) -> bool:
    """Whether a layer's rule gives the right squared lengths; a class of its own may compute something else."""
    try:
        by_rule = squared_norms(name, layer, x, slope)
    except (RuntimeError, IndexError, ValueError):
        return False
    return all(torch.allclose(norms, right[n], rtol=1e-3, atol=1e-12) for n, norms in by_rule.items())


def _candidates(subject: Subject) -> dict[str, nn.Module]:
    calls = single_calls(subject, (nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.LayerNorm), subject.x[:1])
    return {name: call.layer for name, call in calls.items() if _has_rule(call.layer)}


def _has_rule(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    if isinstance(module, nn.BatchNorm2d):
        return module.affine and module.track_running_stats
    return not isinstance(module, nn.LayerNorm) or module.elementwise_affine


def watch(subject: Subject, layers: dict[str, nn.Module], x: Tensor) -> RecordedForward:
    """A forward pass that remembers what enters and leaves the layers."""
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    handles = []
    for name, module in layers.items():

        def keep(_m: nn.Module, given: tuple[Tensor, ...], out: Tensor, name: str = name) -> Tensor:
            # Copies: a layer behind this one may work in place on what passes.
            inputs[name], outputs[name] = given[0].detach().clone(), out
            return out.clone()

        handles.append(module.register_forward_hook(keep))
    try:
        leaves = {n: w.clone().requires_grad_() for n, w in subject.weights.items()}
        logits = subject.logits(leaves, x)
    finally:
        for handle in handles:
            handle.remove()
    return RecordedForward(logits, inputs, outputs)


def patches(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Input patches (im2col) of a convolution, ``(samples, in·height·width, positions)``."""
    return nn.functional.unfold(
        x,
        layer.kernel_size,
        dilation=layer.dilation,
        padding=tuple(int(p) for p in layer.padding),
        stride=layer.stride,
    )


def factors(layer: nn.Module, x: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Per sample, ``(samples, positions, in)`` and ``(samples, positions, out)`` of a Linear or Conv2d layer.

    The gradient of its weights is the sum over positions of their outer products.
    """
    if isinstance(layer, nn.Conv2d):
        return patches(layer, x).mT, slope.flatten(2).mT
    return x.reshape(x.shape[0], -1, x.shape[-1]), slope.reshape(slope.shape[0], -1, slope.shape[-1])


def squared_norms(name: str, layer: nn.Module, x: Tensor, slope: Tensor) -> dict[str, Tensor]:
    """Squared length of each sample's gradient of each of a layer's weights, ``(samples,)`` by name.

    Of a Linear layer on rows, ``slope`` may have directions in front; then so has what is found.
    """
    if isinstance(layer, nn.Linear) and x.ndim == 2:
        bias = slope.square().sum(-1)
        weight = bias * x.square().sum(1)
    elif isinstance(layer, nn.Linear | nn.Conv2d):
        seen, moved = factors(layer, x, slope)
        if seen.shape[1] ** 2 < seen.shape[2] * moved.shape[2]:
            # ‖Σ_t g_t x_tᵀ‖² from the positions' Gram matrices: no gradient is ever formed.
            weight = ((seen @ seen.mT) * (moved @ moved.mT)).sum((1, 2))
        else:
            weight = (moved.mT @ seen).square().sum((1, 2))
        bias = moved.sum(1).square().sum(1)
    elif isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
        gains, bias_rows = norm_rows(layer, x, slope)
        weight, bias = gains.square().sum(1), bias_rows.square().sum(1)
    else:
        raise TypeError(f"{type(layer).__name__} has no rule")
    both = {"weight": weight, "bias": bias}
    return {n: both[n.rsplit(".", 1)[-1]] for n in own_weights(name, layer)}


def norm_rows(layer: nn.BatchNorm2d | nn.LayerNorm, x: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Each sample's gradient of a norm layer's gain and of its shift, ``(samples, channels)``."""
    if isinstance(layer, nn.BatchNorm2d):
        assert layer.running_mean is not None and layer.running_var is not None
        spread = (layer.running_var + layer.eps).sqrt()[:, None, None]
        unit = (x - layer.running_mean[:, None, None]) / spread
        return (slope * unit).sum((2, 3)), slope.sum((2, 3))
    unit = nn.functional.layer_norm(x, layer.normalized_shape, eps=layer.eps)
    kept = slope.shape[-len(layer.normalized_shape) :]

    def by_sample(values: Tensor) -> Tensor:
        return values.reshape(values.shape[0], -1, *kept).sum(1).flatten(1)

    return by_sample(slope * unit), by_sample(slope)


def rows_by_sample(subject: Subject, names: list[str], x: Tensor, directions: Tensor) -> dict[str, Tensor]:
    """Each sample's gradients of ``⟨logits, direction⟩``, ``(samples, directions, ...)`` by weight.

    Args:
        directions: ``(samples, directions, classes)``.
    """
    fixed = {n: w for n, w in subject.weights.items() if n not in names}
    moving = {n: subject.weights[n] for n in names}

    def of_sample(row: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        def logits(weights: dict[str, Tensor]) -> Tensor:
            return subject.logits({**fixed, **weights}, row.unsqueeze(0))[0]

        pull = torch.func.vjp(logits, moving)[1]
        rows: dict[str, Tensor] = torch.func.vmap(pull)(wanted)[0]
        return rows

    def mapped(x: Tensor, directions: Tensor) -> dict[str, Tensor]:
        rows: dict[str, Tensor] = torch.func.vmap(of_sample, chunk_size=SAMPLES_PER_MAP)(x, directions)
        return {n: r.detach() for n, r in rows.items()}

    def is_right() -> bool:
        """Whether layers can be mapped over samples, and rightly: PReLU takes one sample's slope for another's."""
        try:
            rows = mapped(x[:2], directions[:2])
        except RuntimeError:
            return False
        known = _one_after_another(subject, fixed, moving, x[:2], directions[:2])
        return all(torch.allclose(rows[n], r, rtol=1e-3, atol=1e-5 * float(r.abs().amax())) for n, r in known.items())

    with exact_attention():
        if subject.once(("mapped over samples", *names, *directions.shape[1:]), is_right):
            return mapped(x, directions)
        return _one_after_another(subject, fixed, moving, x, directions)


def _one_after_another(
    subject: Subject, fixed: dict[str, Tensor], moving: dict[str, Tensor], x: Tensor, directions: Tensor
) -> dict[str, Tensor]:
    rows: dict[str, list[Tensor]] = {n: [] for n in moving}
    for sample, wanted in zip(x, directions, strict=True):
        leaves = {n: w.clone().requires_grad_() for n, w in moving.items()}
        with torch.enable_grad():
            logits = subject.logits({**fixed, **leaves}, sample.unsqueeze(0))[0]
        if not logits.requires_grad:
            # None of these weights has a part in the logits.
            for n, w in moving.items():
                rows[n].append(w.new_zeros(len(wanted), *w.shape))
            continue
        by_direction = [
            torch.autograd.grad(logits, list(leaves.values()), d, retain_graph=True, materialize_grads=True)
            for d in wanted
        ]
        for n, gradients in zip(leaves, zip(*by_direction, strict=True), strict=True):
            rows[n].append(torch.stack(gradients))
    return {n: torch.stack(r).detach() for n, r in rows.items()}
