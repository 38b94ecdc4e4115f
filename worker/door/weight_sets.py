"""Which sets of weights an unpickled file holds, and which of them is meant."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any, NamedTuple

from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.door.unpickler import DeferredCall, GlobalName

SAVE = "save it with torch.save(model.state_dict(), path), or with safetensors.torch.save_file"
PLAIN, QUANTISED = "_rebuild_tensor_v2", "_rebuild_qtensor"
REBUILT = (PLAIN, QUANTISED, "_rebuild_parameter", "_rebuild_parameter_with_state")
# Where quantised layers of torch keep their weight and bias, and what else stands beside it: the scale of activations.
PACKED = "._packed_params._packed_params"
OF_ACTIVATIONS = (".scale", ".zero_point")
# What training scripts call the weights that they are about, most telling first.
USUAL = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params")
# Parts of a training checkpoint that hold tensors of the same shapes as weights.
NOT_WEIGHTS = ("optim", "sched", "scaler", "callback", "loops", "momentum", "exp_avg", "grad", "rng")
DEEPEST = 8
MOST_SETS = 100
# The largest language models have some ten thousand.
MOST_MODULES = 200_000


class WeightSet(NamedTuple):
    """Tensors by name, and the names beside them that hold something else than an ordinary tensor."""

    tensors: dict[str, DeferredCall]
    left_out: list[str]


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor that is yet to be put together."""
    return (
        isinstance(value, DeferredCall)
        and isinstance(value.by, GlobalName)
        and value.by.module == "torch._utils"
        and value.by.name in REBUILT
    )


def rebuilt(value: DeferredCall) -> Any:
    """The call that puts a tensor together, plain or quantised, inside those that make it a parameter."""
    inner: Any = value
    while is_tensor(inner) and inner.by.name not in (PLAIN, QUANTISED):
        inner = inner.arguments[0] if isinstance(inner.arguments, tuple) and inner.arguments else None
    return inner


def chosen(value: Any, wanted: str) -> tuple[WeightSet, list[str]]:
    """The set that is meant, and the names of the others.

    Args:
        wanted: name of a set, such as ``ema``; empty for the one that training scripts call the model.
    """
    found = dict(sets_of(value))
    named = {".".join(path): weights for path, weights in found.items()}
    if not named:
        raise Refusal(_nothing(value))
    if wanted:
        fitting = [n for n in named if wanted in (n, n.rpartition(".")[2])]
        if len(fitting) != 1:
            raise Refusal(f"The file holds no set of weights called {quoted(wanted)}; it holds {_listed(named)}.")
        return named[fitting[0]], [n for n in named if n != fitting[0]]
    if len(named) == 1:
        return next(iter(named.values())), []
    for usual in USUAL:
        fitting = [n for n in named if n.rpartition(".")[2] == usual]
        if len(fitting) == 1:
            return named[fitting[0]], [n for n in named if n != fitting[0]]
    first = next(iter(named))
    raise Refusal(f"The file holds several sets of weights ({_listed(named)}): say which one, such as weights={first}.")


def sets_of(value: Any) -> Iterator[tuple[tuple[str, ...], WeightSet]]:
    """Sets of weights by their place in the file; those with a matrix, or all where none has."""
    every = list(islice(_walk(value, (), set()), MOST_SETS))
    # Means and spreads of a data set, or an accuracy, are tensors too.
    with_matrices = [(path, weights) for path, weights in every if any(_axes(t) >= 2 for t in weights.tensors.values())]
    yield from with_matrices or every


def _walk(value: Any, path: tuple[str, ...], seen: set[int]) -> Iterator[tuple[tuple[str, ...], WeightSet]]:
    # What lies in several places is one set: walking every way to it might never end.
    if len(path) > DEEPEST or id(value) in seen:
        return
    seen.add(id(value))
    if _is_module(value):
        weights = dict(_tensors_of_module(value, "", DEEPEST * 4, count()))
        if weights:
            yield path, WeightSet(weights, [])
        return
    entries = _entries(value)
    if entries is None:
        return
    own = _with_packed({k: v for k, v in entries.items() if isinstance(k, str)})
    if own:
        beside = {k: v for k, v in entries.items() if isinstance(v, DeferredCall) and not is_tensor(v)}
        odd = [k for k, v in beside.items() if isinstance(k, str) and not v.items]
        yield path, WeightSet(own, odd)
    for key, inner in entries.items():
        if isinstance(key, str) and not any(word in key.lower() for word in NOT_WEIGHTS):
            yield from _walk(inner, (*path, key), seen)


def _with_packed(entries: dict[str, Any]) -> dict[str, DeferredCall]:
    """The tensors among entries; weights and biases of quantised layers under their usual names."""
    own = {k: v for k, v in entries.items() if is_tensor(v)}
    for key, value in entries.items():
        layer = key.removesuffix(PACKED)
        if layer != key and isinstance(value, tuple):
            for name in OF_ACTIVATIONS:
                own.pop(layer + name, None)
            names = (f"{layer}.weight", f"{layer}.bias")
            own |= {name: part for name, part in zip(names, value, strict=False) if is_tensor(part)}
    if any(rebuilt(tensor).by.name == QUANTISED for tensor in own.values()):
        # What a quantised network knows of its activations is no weight.
        own = {k: v for k, v in own.items() if not (k.endswith(OF_ACTIVATIONS) and _axes(v) == 0)}
    return own


def _entries(value: Any) -> dict[Any, Any] | None:
    if isinstance(value, dict):
        return value
    return value.items if isinstance(value, DeferredCall) and value.items else None


def _is_module(value: Any) -> bool:
    """Whether a value is a network that was pickled whole: a module of torch, or one of TorchScript."""
    if not isinstance(value, DeferredCall) or is_tensor(value) or not isinstance(value.state, dict):
        return False
    is_script = isinstance(value.by, GlobalName) and value.by.module.startswith("__torch__")
    return is_script or {"_parameters", "_modules"} <= value.state.keys()


def _tensors_of_module(
    module: DeferredCall, prefix: str, depth: int, visits: "count[int]"
) -> Iterator[tuple[str, DeferredCall]]:
    """Tensors of a module and of those inside it, by their names in a state dict; shared ones under each name."""
    if next(visits) > MOST_MODULES:
        raise Refusal(f"The file holds more than {MOST_MODULES:,} modules; {SAVE}.")
    if depth <= 0:
        raise Refusal(f"The modules of the file lie too deep in one another; {SAVE}.")
    state = module.state
    if "_parameters" in state:
        temporary = state.get("_non_persistent_buffers_set") or ()
        own = {**_plain(state["_parameters"]), **_plain(state.get("_buffers"))}
        inside = _plain(state.get("_modules"))
        own = {k: v for k, v in own.items() if not _is_in(k, temporary)}
    else:
        own, inside = state, state
    for name, value in own.items():
        if isinstance(name, str) and is_tensor(value):
            yield f"{prefix}{name}", value
    for name, value in inside.items():
        if isinstance(name, str) and _is_module(value):
            yield from _tensors_of_module(value, f"{prefix}{name}.", depth - 1, visits)


def _is_in(key: Any, values: Any) -> bool:
    return isinstance(values, set | frozenset | list) and key in values


def _plain(value: Any) -> dict[Any, Any]:
    return _entries(value) or {}


def _axes(tensor: DeferredCall) -> int:
    inner = rebuilt(tensor)
    arguments = getattr(inner, "arguments", None)
    shape = arguments[2] if isinstance(arguments, tuple) and len(arguments) > 2 else None
    return len(shape) if isinstance(shape, tuple) else 0


def _listed(named: dict[str, WeightSet]) -> str:
    return ", ".join(quoted(n) for n in list(named)[:8])


def _nothing(value: Any) -> str:
    if is_tensor(value):
        return f"The file holds one tensor without a name; {SAVE}."
    if isinstance(value, DeferredCall):
        kind = quoted(str(value.by) if isinstance(value.by, GlobalName) else value.by)
        return f"The file holds an object ({kind}) in which no weights were found; {SAVE}."
    return f"The file holds no tensors with names; {SAVE}."
