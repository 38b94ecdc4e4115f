"""Low-rank adapters put into the weights that they belong to, and the difference that tuning made.

Source: Hu et al. 2021 (LoRA); Kalajdzievski 2023 (scaling by the root of the rank).
"""

import re

import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.inputs.weights import Weights
from kinscape.worker.operations.matrices import checked_alike, like

# The two factors of an adapter; some writers name the adapter after them.
DOWN = re.compile(r"(?P<module>.+)\.lora_A(\.(?P<adapter>(?!weight|bias)\w+))?(\.weight)?")
UP = re.compile(r"(?P<module>.+)\.lora_B(\.(?P<adapter>(?!weight|bias)\w+))?(\.weight)?")
# What wrappers put before the names of a model.
WRAPPERS = {"base_model", "model", "module", "_orig_mod", "_fsdp_wrapped_module", "net", "network", "backbone"}
# What is no low-rank product, or needs more than two factors.
OTHER = ("lora_magnitude_vector", "lora_embedding", "lora_A.bias", "lora_B.bias", "lokr_", "hada_", "oft_", "ia3_")
WHOLE = re.compile(r"\.(modules_to_save(\.\w+)?|original_module)\.")
MATRIX = 2


def merged(
    base: Weights, adapter: Weights, *, alpha: float, rank_stabilised: bool, transposed: bool
) -> dict[str, Tensor]:
    """The base with an adapter added, ``W + alpha / r · B A``; modules that were trained whole replace theirs.

    Args:
        alpha: ``lora_alpha`` of the adapter's configuration.
        rank_stabilised: divides by the root of the rank instead (``use_rslora``).
        transposed: the base keeps matrices as (in, out), as GPT-2 does (``fan_in_fan_out``).

    Raises:
        Undefined: the adapter is of another kind, or does not fit this base.
    """
    odd = next((n for n in adapter if any(kind in n for kind in OTHER)), None)
    if odd is not None:
        raise Undefined(f"The adapter holds {odd!r}, which is no plain LoRA: merge it where it was made.")
    called = {m["adapter"] for n in adapter if (m := DOWN.fullmatch(n) or UP.fullmatch(n))}
    if len(called) > 1:
        raise Undefined(f"The file holds several adapters ({', '.join(sorted(map(str, called)))}): save one of them.")
    down = {m["module"]: w for n, w in adapter.items() if (m := DOWN.fullmatch(n))}
    up = {m["module"]: w for n, w in adapter.items() if (m := UP.fullmatch(n))}
    if not down or down.keys() != up.keys():
        raise Undefined("The second checkpoint is no LoRA adapter: it needs a lora_A and a lora_B for each module.")
    out = dict(base)
    taken: dict[str, str] = {}
    for module, a in down.items():
        name = _named(base, f"{module}.weight")
        if taken.setdefault(name, module) != module:
            raise Undefined(f"{taken[name]} and {module} of the adapter both fit {name}: the base is another model.")
        change = _product(module, up[module], a, alpha=alpha, rank_stabilised=rank_stabilised)
        change = change.mT if transposed else change
        if change.shape != base[name].shape:
            sizes = f"{tuple(change.shape)}, {name} has {tuple(base[name].shape)}"
            hint = "; the base keeps it transposed (fan_in_fan_out)" if change.mT.shape == base[name].shape else ""
            raise Undefined(f"The adapter of {module} has the shape {sizes}{hint}.")
        out[name] = like(base[name].double() + change, base[name])
    for n, w in adapter.items():
        if not DOWN.fullmatch(n) and not UP.fullmatch(n):
            name = _named(base, WHOLE.sub(".", n))
            if base[name].shape != w.shape:
                raise Undefined(
                    f"{n} of the adapter has the shape {tuple(w.shape)}, {name} has {tuple(base[name].shape)}."
                )
            out[name] = like(w.double(), base[name])
    return out


def _product(module: str, up: Tensor, down: Tensor, *, alpha: float, rank_stabilised: bool) -> Tensor:
    if up.ndim != MATRIX or down.ndim != MATRIX or up.shape[1] != down.shape[0]:
        shapes = f"{tuple(up.shape)} and {tuple(down.shape)}"
        raise Undefined(f"The factors of {module} have the shapes {shapes}, which cannot be multiplied.")
    rank = down.shape[0]
    return up.double() @ down.double() * (alpha / (rank**0.5 if rank_stabilised else rank))


def _named(base: Weights, wanted: str) -> str:
    """The tensor of the base that an adapter's name means: wrappers put something before either.

    Raises:
        Undefined: none or several.
    """
    if wanted in base:
        return wanted
    inside = [
        n for n in base if wanted.endswith(f".{n}") and WRAPPERS.issuperset(wanted.removesuffix(f".{n}").split("."))
    ]
    if inside:
        # Of names within the wanted one the longest says most.
        return max(inside, key=len)
    around = [n for n in base if n.endswith(f".{wanted}")]
    if len(around) != 1:
        many = f"fits {' and '.join(around[:2])}" if around else "is not in the base"
        raise Undefined(f"{wanted} of the adapter {many}: give the checkpoint that it was trained on.")
    return around[0]


def difference(tuned: Weights, base: Weights) -> dict[str, Tensor]:
    """What tuning changed: every tensor of floats that differs, minus that of the base.

    Raises:
        Undefined: their architectures differ, or nothing does.
    """
    checked_alike(tuned, base)
    out = {
        n: like(w.double() - base[n].double(), w)
        for n, w in tuned.items()
        if w.is_floating_point() and not torch.equal(w, base[n])
    }
    if not out:
        raise Undefined("The two hold the same weights, so there is no difference.")
    return out
