"""The weights that a network computes with, where it stores something else.

Pruning stores a weight and its mask, weight norm a direction and a length, spectral norm a matrix and the vectors of
its largest singular value. A measure of weights is about what multiplies the input, so these are put together first.

Sources: ``torch.nn.utils.prune`` (w = orig · mask); Salimans & Kingma 2016, equation 2 (w = g v / ‖v‖);
Miyato et al. 2018, section 2.1 (W / σ(W), σ = uᵀ W v by power iteration).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
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


def effective(state: Weights, helpers: Weights | None = None) -> dict[str, Tensor]:
    """Trained tensors of a state dict as the network uses them, under the names of a plain network.

    Args:
        helpers: buffers, which are no weights, but may be masks or vectors of one.

    Raises:
        Undefined: a tensor is stored by a parametrisation that the names do not tell.
    """
    out: dict[str, Tensor] = {}
    used: set[str] = set()
    made: dict[str, Tensor] = {}
    again = tied(state)
    whole = {**(helpers or {}), **state}
    for stored in _stored(whole):
        made[stored.name] = _put_together(stored, whole)
        used.update(stored.parts.values())
    for name, tensor in state.items():
        owner = next((s for s in made if name in used and _belongs(name, s)), None)
        if owner is not None:
            out.setdefault(owner, made[owner])
        elif name not in used and is_parameter_name(name) and name not in again:
            out[name] = tensor
    return out


def effective_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters of a module as it uses them, detached, each once."""
    return {name: p.detach() for name, p in without_parametrizations(module).named_parameters()}


def without_parametrizations(module: nn.Module) -> nn.Module:
    """The network with plain parameters, each the weight that it computes with; itself where it has no others."""
    hooked = [
        (path, hook)
        for path, part in module.named_modules()
        for hook in part._forward_pre_hooks.values()
        if isinstance(hook, (WeightNorm, SpectralNorm, BasePruningMethod))
    ]
    if not hooked and not any(parametrize.is_parametrized(part) for part in module.modules()):
        return module
    plain = copied(module).eval()
    with torch.no_grad():
        for part in list(plain.modules()):
            if parametrize.is_parametrized(part):
                _make_plain(part)
        for path, hook in hooked:
            _remove_hook(plain.get_submodule(path), hook)
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


def _remove_hook(part: nn.Module, hook: WeightNorm | SpectralNorm | BasePruningMethod) -> None:
    if isinstance(hook, WeightNorm):
        remove_weight_norm(part, hook.name)
    elif isinstance(hook, SpectralNorm):
        remove_spectral_norm(part, hook.name)
    else:
        prune.remove(part, hook._tensor_name)


def _stored(state: Weights) -> Iterator[_Stored]:
    """The weights that are stored in parts."""
    for name in state:
        if PARAMETRIZED in f".{name}":
            if name.endswith((".original", ".original0")):
                yield _parametrized(name, state)
        elif name.endswith("_orig"):
            base = name.removesuffix("_orig")
            if f"{base}_mask" in state:
                yield _Stored(base, {"orig": name, "mask": f"{base}_mask"})
            elif f"{base}_u" in state:
                parts = {"orig": name, "u": f"{base}_u"}
                if f"{base}_v" in state:
                    parts["v"] = f"{base}_v"
                yield _Stored(base, parts)
        elif name.endswith("_g") and f"{name[:-2]}_v" in state:
            yield _Stored(name[:-2], {"g": name, "v": f"{name[:-2]}_v"})


def _parametrized(name: str, state: Weights) -> _Stored:
    """A weight of ``torch.nn.utils.parametrizations``."""
    inside, _, role = name.rpartition(".")
    module, _, own = f".{inside}".rpartition(PARAMETRIZED)
    base = f"{module.removeprefix('.')}.{own}".removeprefix(".")
    if role == "original0" and f"{inside}.original1" in state:
        return _Stored(base, {"g": name, "v": f"{inside}.original1"})
    if f"{inside}.0._u" in state and f"{inside}.0._v" in state:
        return _Stored(base, {"orig": name, "u": f"{inside}.0._u", "v": f"{inside}.0._v"})
    raise Undefined(
        f"{base} is computed by a parametrisation that its file does not describe: call "
        "torch.nn.utils.parametrize.remove_parametrizations before saving."
    )


def _belongs(name: str, base: str) -> bool:
    module, _, own = base.rpartition(".")
    inside = f"{module}{PARAMETRIZED}{own}." if module else f"{PARAMETRIZED[1:]}{own}."
    return name.startswith((f"{base}_", inside))


def _put_together(stored: _Stored, state: Weights) -> Tensor:
    parts = {role: state[name] for role, name in stored.parts.items()}
    if "mask" in parts:
        return parts["orig"] * parts["mask"].to(parts["orig"].dtype)
    if "g" in parts:
        v, g = parts["v"], parts["g"]
        axes = [k for k in range(v.ndim) if g.ndim != v.ndim or g.shape[k] == 1]
        # The axis that g keeps has a length of its own for each unit; where all sides of g are 1 there is one length.
        return v * (g / v.square().sum(axes, keepdim=True).sqrt()) if axes else v * g / v.abs()
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
