"""Regions of a program that torch.export keeps apart, as plain steps: without gradients, and without autocast.

A region is a step whose graph stands inside it; its values get names of their own, and its steps take its place.
"""

from collections.abc import Iterator
from typing import Any

from kinscape.worker.door.refusal import Refusal, quoted

Json = dict[str, Any]
GRAD = "torch.ops.higher_order.wrap_with_set_grad_enabled"
AUTOCAST = "torch.ops.higher_order.wrap_with_autocast"
DETACH, ALIAS = "torch.ops.aten.detach.default", "torch.ops.aten.alias.default"
# Where each says whether it is on.
IS_ON = {GRAD: 0, AUTOCAST: 2}
DEEPEST = 8
AGAIN = "export the model again"
# Kinds of arguments that name one value, and several.
ONE = ("as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float")
MANY = ("as_tensors", "as_optional_tensors", "as_sym_ints", "as_sym_bools", "as_sym_floats")


def flattened(nodes: list[Any], *, depth: int = 0) -> Iterator[Json]:
    """Every step in order, those of regions in place of these.

    Raises:
        Refusal: a region changes the precision, or is not laid out as torch.export lays it out.
    """
    for node in nodes:
        if not isinstance(node, dict) or node.get("target") not in IS_ON:
            yield node
            continue
        if depth >= DEEPEST:
            raise Refusal(f"The regions of the program lie too deep in one another; {AGAIN}.")
        try:
            yield from _inside(node, depth)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise Refusal(f"A region of the program is not laid out as torch.export lays it out; {AGAIN}.") from error


def _inside(node: Json, depth: int) -> Iterator[Json]:
    target = node["target"]
    args = [given["arg"] for given in node["inputs"]]
    place = next(k for k, arg in enumerate(args) if arg.get("as_graph") is not None)
    is_on = args[IS_ON[target]]["as_bool"]
    if target == AUTOCAST and is_on:
        raise Refusal(
            "A part of the program computes in another precision (torch.autocast): export the model without it, or "
            "record its outputs and features."
        )
    held, operands = args[place]["as_graph"], args[place + 1 :]
    graph = held["graph"]
    names = dict(zip([_name_of(i) for i in graph["inputs"]], [_name_of(o) for o in operands], strict=True))
    prefix = f"{held['name']}/"
    steps = list(flattened(graph["nodes"], depth=depth + 1))
    for step in steps:
        for made in step["outputs"]:
            names.update((name, prefix + name) for name in _names_in(made))
        yield {**step, "inputs": [_renamed_input(i, names) for i in step["inputs"]], "outputs": _made(step, names)}
    # What leaves a region without gradients has none.
    leaves = DETACH if target == GRAD and not is_on else ALIAS
    for inner, outer in zip(graph["outputs"], node["outputs"], strict=True):
        arg = {"name": "self", "arg": _renamed(inner, names), "kind": 1}
        if "as_tensor" not in outer:
            raise Refusal(f"A region of the program returns {quoted(next(iter(outer)))}, which is not read; {AGAIN}.")
        yield {"target": leaves, "inputs": [arg], "outputs": [outer], "metadata": node.get("metadata") or {}}


def _made(step: Json, names: dict[str, str]) -> list[Any]:
    return [_renamed(made, names) for made in step["outputs"]]


def _renamed_input(given: Json, names: dict[str, str]) -> Json:
    return {**given, "arg": _renamed(given["arg"], names)}


def _name_of(union: Json) -> str:
    """The one value that an argument names."""
    (name,) = _names_in(union)
    return name


def _names_in(union: Json) -> Iterator[str]:
    for kind, value in union.items():
        if value is None:
            continue
        if kind in ONE:
            name = value.get("name", value.get("as_name"))
            if isinstance(name, str):
                yield name
        elif kind in MANY:
            for inner in value:
                yield from _names_in(inner if kind.startswith("as_optional") else {kind[:-1]: inner})


def _renamed(union: Json, names: dict[str, str]) -> Json:
    """An argument whose values have the names outside."""
    out: Json = {}
    for kind, value in union.items():
        if value is not None and kind in ONE:
            out[kind] = _renamed_one(value, names)
        elif value is not None and kind == "as_optional_tensors":
            out[kind] = [_renamed(inner, names) for inner in value]
        elif value is not None and kind in MANY:
            out[kind] = [_renamed_one(inner, names) for inner in value]
        else:
            out[kind] = value
    return out


def _renamed_one(value: Json, names: dict[str, str]) -> Json:
    key = "name" if "name" in value else "as_name"
    return {**value, key: names[value[key]]} if value.get(key) is not None else value
