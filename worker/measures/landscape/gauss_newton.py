"""Traces of the generalised Gauss-Newton matrix, exactly and per sample."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from worker.measures.inputs import Subject, Undefined, exact_attention

SAMPLES_AT_ONCE = 256
SquaredNorm = Callable[[nn.Module, Tensor, Tensor], Tensor]


def gauss_newton_traces(subject: Subject) -> Tensor:
    """Trace of every sample's Gauss-Newton matrix, ``(samples,)``, float64.

    The Hessian of cross-entropy in the logits is ``Σ_c p_c (e_c - p)(e_c - p)ᵀ``, so the trace
    is ``Σ_c p_c ‖Jᵀ(e_c - p)‖²``: one backward pass per class. Squared norms of each sample's
    gradient come from the layer's input and output gradient; weights outside Linear, Conv2d,
    BatchNorm2d and LayerNorm, or used twice, are differentiated sample by sample. The rules are
    first tried on two samples against automatic differentiation: a network that uses its layers
    in another way is differentiated sample by sample as a whole.
    """
    layers = _layers_with_own_rule(subject)
    if not _rules_hold(subject, layers):
        layers = {}
    covered = {f"{name}.{p}" for name, m in layers.items() for p, _ in m.named_parameters(recurse=False)}
    rest = [n for n in subject.weights if n not in covered]
    parts = []
    for start in range(0, subject.samples, SAMPLES_AT_ONCE):
        x = subject.x[start : start + SAMPLES_AT_ONCE]
        total = _by_layer(subject, layers, x)
        if rest:
            total = total + _by_sample(subject, rest, x)
        parts.append(total)
    return torch.cat(parts)


def _rules_hold(subject: Subject, layers: dict[str, nn.Module]) -> bool:
    names = [f"{name}.{p}" for name, m in layers.items() for p, _ in m.named_parameters(recurse=False)]
    x = subject.x[:2]
    try:
        by_rule = _by_layer(subject, layers, x)
        by_autograd = _by_sample(subject, names, x)
    except (RuntimeError, IndexError, ValueError):
        return False
    return torch.allclose(by_rule, by_autograd, rtol=1e-3, atol=1e-12)


def _layers_with_own_rule(subject: Subject) -> dict[str, nn.Module]:
    owners: dict[int, int] = {}
    for _, p in subject.module.named_parameters(remove_duplicate=False):
        owners[id(p)] = owners.get(id(p), 0) + 1
    calls: dict[str, int] = {}
    handles = []
    candidates = {n: m for n, m in subject.module.named_modules() if _has_rule(m)}
    for name, module in candidates.items():

        def count(_m: nn.Module, _i: object, _o: object, name: str = name) -> None:
            calls[name] = calls.get(name, 0) + 1

        handles.append(module.register_forward_hook(count))
    try:
        with torch.no_grad():
            subject.logits(subject.weights, subject.x[:1])
    finally:
        for handle in handles:
            handle.remove()
    return {
        n: m
        for n, m in candidates.items()
        if calls.get(n) == 1 and all(owners[id(p)] == 1 for p in m.parameters(recurse=False))
    }


def _has_rule(module: nn.Module) -> bool:
    if type(module) is nn.Conv2d:
        return module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    if type(module) is nn.BatchNorm2d:
        return module.affine and module.track_running_stats
    return type(module) is nn.Linear or (type(module) is nn.LayerNorm and module.elementwise_affine)


def _by_layer(subject: Subject, layers: dict[str, nn.Module], x: Tensor) -> Tensor:
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    handles = []
    for name, module in layers.items():

        def keep(_m: nn.Module, inputs: tuple[Tensor, ...], out: Tensor, name: str = name) -> Tensor:
            # Copies: a layer behind this one may work in place on what passes.
            seen[name] = (inputs[0].detach().clone(), out)
            return out.clone()

        handles.append(module.register_forward_hook(keep))
    leaves = {n: w.clone().requires_grad_() for n, w in subject.weights.items()}
    try:
        logits = subject.logits(leaves, x)
    finally:
        for handle in handles:
            handle.remove()
    total = torch.zeros(x.shape[0], dtype=torch.float64, device=x.device)
    if not seen:
        return total
    p = logits.detach().softmax(1)
    outs = [out for _, out in seen.values()]
    for c in range(p.shape[1]):
        direction = -p * p[:, c : c + 1].sqrt()
        direction[:, c] += p[:, c].sqrt()
        grads = torch.autograd.grad(logits, outs, direction, retain_graph=True, materialize_grads=True)
        for (name, (inputs, _)), g in zip(seen.items(), grads, strict=True):
            total += _squared_norms(layers[name], inputs, g, _own(leaves, name)).double()
    return total


def _own(weights: dict[str, Tensor], layer: str) -> set[str]:
    return {n.rsplit(".", 1)[1] for n in weights if n.rsplit(".", 1)[0] == layer}


def _squared_norms(module: nn.Module, x: Tensor, g: Tensor, own: set[str]) -> Tensor:
    """Squared length of each sample's gradient of one layer's weights, ``(samples,)``."""
    if isinstance(module, nn.Linear):
        x, g = x.reshape(x.shape[0], -1, x.shape[-1]), g.reshape(g.shape[0], -1, g.shape[-1])
        # ‖Σ_t g_t x_tᵀ‖² from the positions' Gram matrices: no gradient is ever formed.
        weight = ((x @ x.mT) * (g @ g.mT)).sum((1, 2))
        bias = g.sum(1).square().sum(1)
    elif isinstance(module, nn.Conv2d):
        patches = nn.functional.unfold(
            x,
            module.kernel_size,
            dilation=module.dilation,
            padding=tuple(int(p) for p in module.padding),
            stride=module.stride,
        )
        g = g.flatten(2)
        weight = (g @ patches.mT).square().sum((1, 2))
        bias = g.sum(2).square().sum(1)
    elif isinstance(module, nn.BatchNorm2d):
        assert module.running_mean is not None and module.running_var is not None
        spread = (module.running_var + module.eps).sqrt()[:, None, None]
        unit = (x - module.running_mean[:, None, None]) / spread
        weight = (g * unit).sum((2, 3)).square().sum(1)
        bias = g.sum((2, 3)).square().sum(1)
    else:
        assert isinstance(module, nn.LayerNorm)
        unit = nn.functional.layer_norm(x, module.normalized_shape, eps=module.eps)
        kept = len(module.normalized_shape)
        weight = (g * unit).reshape(g.shape[0], -1, *g.shape[-kept:]).sum(1).flatten(1).square().sum(1)
        bias = g.reshape(g.shape[0], -1, *g.shape[-kept:]).sum(1).flatten(1).square().sum(1)
    return (weight if "weight" in own else 0 * weight) + (bias if "bias" in own else 0 * bias)


def _by_sample(subject: Subject, names: list[str], x: Tensor) -> Tensor:
    fixed = {n: w for n, w in subject.weights.items() if n not in names}
    moving = {n: subject.weights[n] for n in names}

    def trace_of(row: Tensor) -> Tensor:
        def logits(weights: dict[str, Tensor]) -> Tensor:
            return subject.logits({**fixed, **weights}, row.unsqueeze(0))[0]

        out, pull = torch.func.vjp(logits, moving)[:2]
        p = out.softmax(0)
        directions = (torch.eye(len(p), dtype=p.dtype, device=p.device) - p) * p.sqrt()[:, None]
        grads = torch.func.vmap(pull)(directions)[0]
        total = torch.zeros((), dtype=p.dtype, device=p.device)
        for g in grads.values():
            total = total + g.square().sum()
        return total

    with exact_attention():
        try:
            return torch.func.vmap(trace_of, chunk_size=16)(x).detach().double()
        except RuntimeError as error:
            raise Undefined("A layer of the network cannot be differentiated sample by sample.") from error
