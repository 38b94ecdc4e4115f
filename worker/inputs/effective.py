"""The weights that a network computes with, where it stores something else.

Pruning stores a weight and its mask, weight norm a direction and a length, spectral norm a matrix and the vectors of
its largest singular value. A measure of weights is about what multiplies the input, so these are put together first.

Sources: ``torch.nn.utils.prune`` (w = orig · mask); Salimans & Kingma 2016, equation 2 (w = g v / ‖v‖);
Miyato et al. 2018, section 2.1 (W / σ(W), σ = uᵀ W v by power iteration).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from kinscape.worker.inputs.functional import copied
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights, is_parameter_name

# Cosine of vectors that power iteration made parallel before the last step of training moved the weight.
PARALLEL = 0.9
PARAMETRIZED = ".parametrizations."


@dataclass(frozen=True)
class _Stored:
    """Parts of one weight by their role."""

    name: str
    parts: dict[str, str]


@dataclass(frozen=True)
class _Hook:
    """What makes a weight of a module before each pass from parts of these endings."""

    name: str
    endings: tuple[str, ...]
    run: Callable[[nn.Module, Any], None]


def effective(state: Weights, helpers: Weights | None = None) -> dict[str, Tensor]:
    """Trained tensors of a state dict as the network uses them, under the names of a plain network.

    Args:
        helpers: buffers, which are no weights, but may be masks or vectors of one.

    Raises:
        Undefined: a tensor is stored by a parametrisation that the names do not tell.
    """
    again = tied(state)
    tensors = {**(helpers or {}), **state}
    part_of: dict[str, str] = {}
    # What one step puts together may be a part of another weight: a pruned direction of a weight norm.
    while stored := _stored(tensors):
        for one in stored:
            made = _put_together(one, tensors)
            for name in one.parts.values():
                part_of[name] = one.name
                del tensors[name]
            tensors[one.name] = made
    out: dict[str, Tensor] = {}
    for name in state:
        whole = name
        while whole in part_of:
            whole = part_of[whole]
        if name not in again and (whole != name or is_parameter_name(name)):
            out.setdefault(whole, tensors[whole])
    return out


def effective_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters of a module as it uses them, detached, each once."""
    return {name: p.detach() for name, p in without_parametrizations(module).named_parameters()}


def without_parametrizations(module: nn.Module) -> nn.Module:
    """The network with plain parameters, each the weight that it computes with; itself where it has no others."""
    if not any(parametrize.is_parametrized(part) or _hooks_of(part) for part in module.modules()):
        return module
    plain = copied(module).eval()
    with torch.no_grad():
        for part in list(plain.modules()):
            if parametrize.is_parametrized(part):
                _make_plain(part)
        for part in plain.modules():
            _remove_hooks(part)
    return plain


def _make_plain(part: nn.Module) -> None:
    """Give a copied module its own class again, and the weights that it computes with as parameters.

    ``parametrize.remove_parametrizations`` would take the weights from the class, which the original shares.
    """
    names = list(part.get_submodule("parametrizations")._modules)
    made = {name: getattr(part, name).detach().clone() for name in names}
    part.__class__ = type(part).__bases__[0]
    del part._modules["parametrizations"]
    for name, weight in made.items():
        # Set, not registered: a recurrent layer then changes the list of its weights, too.
        setattr(part, name, nn.Parameter(weight))


def _hooks_of(part: nn.Module) -> dict[int, _Hook]:
    """The hooks by which a module makes weights before a pass."""
    found = {}
    for key, hook in part._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm):
            found[key] = _Hook(hook.name, ("_g", "_v"), hook)
        elif isinstance(hook, SpectralNorm):
            found[key] = _Hook(hook.name, ("_orig", "_u", "_v"), hook)
        elif isinstance(hook, BasePruningMethod):
            found[key] = _Hook(hook._tensor_name, ("_orig", "_mask"), hook)
    return found


def _remove_hooks(part: nn.Module) -> None:
    """Run a module's hooks a last time, and leave what they made as parameters."""
    hooks = _hooks_of(part)
    for _ in hooks:
        # What one of them makes may be a part of what the next makes.
        for hook in hooks.values():
            hook.run(part, ())
    parts = {hook.name + ending for hook in hooks.values() for ending in hook.endings}
    whole = {h.name: getattr(part, h.name).detach().clone() for h in hooks.values() if h.name not in parts}
    for key in hooks:
        del part._forward_pre_hooks[key]
    for name in {*parts, *whole}:
        if hasattr(part, name):
            delattr(part, name)
    for name, weight in whole.items():
        setattr(part, name, nn.Parameter(weight))


def _stored(state: Weights) -> list[_Stored]:
    """The weights that are stored in parts, of the innermost kind that there is."""
    for read in (_masked, _normed, _parametrized):
        if found := list(read(state)):
            return found
    return []


def _masked(state: Weights) -> Iterator[_Stored]:
    """Weights with a pruning mask."""
    for name, tensor in state.items():
        base = name.removesuffix("_orig")
        mask = state.get(f"{base}_mask")
        if base != name and mask is not None and mask.shape == tensor.shape:
            yield _Stored(base, {"orig": name, "mask": f"{base}_mask"})


def _normed(state: Weights) -> Iterator[_Stored]:
    """Weights under the older weight norm and spectral norm, told by names and shapes."""
    for name, tensor in state.items():
        if name.endswith("_g") and _is_length_of(tensor, state.get(f"{name[:-2]}_v")):
            yield _Stored(name[:-2], {"g": name, "v": f"{name[:-2]}_v"})
        base = name.removesuffix("_orig")
        u, v = state.get(f"{base}_u"), state.get(f"{base}_v")
        if base != name and _are_singular_vectors(u, v, tensor):
            yield _Stored(base, {"orig": name, "u": f"{base}_u"} | ({} if v is None else {"v": f"{base}_v"}))


def _is_length_of(g: Tensor, v: Tensor | None) -> bool:
    """Whether g has the shape of the lengths of v: one for all, or one for each row along an axis."""
    if v is None or v.ndim < 2:
        return False
    longer = [(mine, whole) for mine, whole in zip(g.shape, v.shape, strict=False) if mine != 1]
    return g.ndim == 0 or (g.ndim == v.ndim and (not longer or (len(longer) == 1 and longer[0][0] == longer[0][1])))


def _are_singular_vectors(u: Tensor | None, v: Tensor | None, weight: Tensor) -> bool:
    if u is None or u.ndim != 1 or weight.ndim < 2 or len(u) not in weight.shape[:2]:
        return False
    return v is None or (v.ndim == 1 and len(v) * len(u) == weight.numel())


def _parametrized(state: Weights) -> Iterator[_Stored]:
    """Weights of ``torch.nn.utils.parametrizations``."""
    for name in state:
        inside, _, role = name.rpartition(".")
        if PARAMETRIZED not in f".{name}" or role not in ("original", "original0"):
            continue
        module, _, own = f".{inside}".rpartition(PARAMETRIZED)
        base = f"{module.removeprefix('.')}.{own}".removeprefix(".")
        parts = {n.removeprefix(f"{inside}."): n for n in state if n.startswith(f"{inside}.")}
        if parts.keys() == {"original0", "original1"} and _is_length_of(state[name], state[parts["original1"]]):
            yield _Stored(base, {"g": name, "v": parts["original1"]})
        elif parts.keys() == {"original", "0._u", "0._v"}:
            yield _Stored(base, {"orig": name, "u": parts["0._u"], "v": parts["0._v"]})
        else:
            raise Undefined(
                f"{base} is computed by a parametrisation that its file does not describe: call "
                "torch.nn.utils.parametrize.remove_parametrizations before saving."
            )


def _put_together(stored: _Stored, state: Weights) -> Tensor:
    parts = {role: state[name] for role, name in stored.parts.items()}
    if "mask" in parts:
        return parts["orig"] * parts["mask"].to(parts["orig"].dtype)
    if "g" in parts:
        v, g = parts["v"], parts["g"]
        axes = [k for k in range(v.ndim) if g.ndim != v.ndim or g.shape[k] == 1]
        # The axis that g keeps has a length of its own for each unit; where all sides of g are 1 there is one length.
        return v * (g / v.square().sum(axes, keepdim=True).sqrt())
    weight, u = parts["orig"], parts["u"]
    sides = [m.flatten(1) for m in (weight, weight.transpose(0, 1)) if len(m) == len(u)]
    found = [_stretch(m, u, parts.get("v")) for m in sides]
    # Where u fits both sides, power iteration made it parallel to M v of one; of the other, they are any vectors.
    is_second = len(found) > 1 and found[1][1] > PARALLEL > found[0][1]
    return weight / found[int(is_second)][0]


def _stretch(matrix: Tensor, u: Tensor, v: Tensor | None) -> tuple[Tensor, float]:
    """By how much a matrix M stretches v along u, and the cosine of u and M v."""
    v = nn.functional.normalize(matrix.T @ u, dim=0) if v is None else v
    moved = matrix @ v
    if matrix.is_meta:
        # Shapes alone are asked for.
        return torch.dot(u, moved), 1.0
    return torch.dot(u, moved), float(nn.functional.cosine_similarity(u, moved, dim=0))


def _memory(tensor: Tensor) -> tuple[int, ...] | None:
    """What tells one piece of memory from another; None where there is none."""
    if not tensor.numel() or tensor.is_meta:
        return None
    return (tensor.data_ptr(), *tensor.shape, *tensor.stride())


def tied(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Names whose tensor is that of an earlier name."""
    seen: dict[tuple[int, ...], str] = {}
    out = {}
    for name, tensor in state.items():
        here = _memory(tensor)
        if here is not None and seen.setdefault(here, name) != name:
            out[name] = seen[here]
    return out
