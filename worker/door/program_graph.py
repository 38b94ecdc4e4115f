"""The graph of an exported program, checked and written in one plain form.

A node is ``{"op", "args", "keywords", "out", "many", "path", "kind"}``; an argument is a pair of its kind and its value
(``["tensor", "relu_1"]``, ``["value", 3]``, ``["symbol", "sym_size_int"]``, …). Names are checked here: every value is
made before it is read, so the reader on the other side follows no reference that leads nowhere.
"""

import json
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from kinscape.worker.door.program_regions import flattened
from kinscape.worker.door.refusal import Refusal, quoted

Json = dict[str, Any]
AGAIN = "export the model again"
MOST_NODES = 200_000
LONGEST_NAME = 500
PLAIN = ("as_int", "as_bool", "as_string", "as_ints", "as_bools")
FLOATS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
NUMBERED = {"as_scalar_type": "dtype", "as_memory_format": "memory_format", "as_layout": "layout"}
# How a state of the signature is called there, and the field that names its tensor.
STATES = {
    "parameter": "parameter_name",
    "buffer": "buffer_name",
    "tensor_constant": "tensor_constant_name",
}


def mapping(value: Any) -> Json:
    """A JSON object; anything else is damage."""
    if not isinstance(value, dict):
        raise Refusal(f"The program is not laid out as torch.export lays it out; {AGAIN}.")
    return value


def listed(value: Any) -> list[Any]:
    """A JSON list; anything else is damage."""
    if not isinstance(value, list):
        raise Refusal(f"The program is not laid out as torch.export lays it out; {AGAIN}.")
    return value


def graph_of(program: Json, tensors: set[str]) -> Json:
    """The graph of a program whose stored tensors have these names."""
    module = mapping(program.get("graph_module"))
    graph, signature = mapping(module.get("graph")), mapping(module.get("signature"))
    state, inputs, parameters = _signature(signature, tensors)
    nodes = list(islice(flattened(listed(graph.get("nodes"))), MOST_NODES + 1))
    if len(nodes) > MOST_NODES:
        raise Refusal(f"The program has more than {MOST_NODES} steps, which are read at most.")
    known = {*state, *inputs}
    plain = [_node(mapping(n), known) for n in nodes]
    return {
        "torch": str(program.get("torch_version", ""))[:40],
        "inputs": [_input(name, mapping(graph.get("tensor_values"))) for name in inputs],
        "state": state,
        "parameters": parameters,
        "nodes": plain,
        "outputs": _outputs(graph, signature, known, _labels(module)),
    }


def _signature(signature: Json, tensors: set[str]) -> tuple[dict[str, str], list[str], list[str]]:
    """Tensor by the graph's name, names of the samples, and which tensors are trained."""
    state: dict[str, str] = {}
    inputs: list[str] = []
    parameters: list[str] = []
    for spec in listed(signature.get("input_specs")):
        (kind, entry), *_ = [(k, mapping(v)) for k, v in mapping(spec).items() if v is not None] or [("", {})]
        if kind == "user_input":
            inputs.append(_user_input(mapping(entry.get("arg"))))
            continue
        if kind not in STATES:
            raise Refusal(f"The program takes {quoted(kind)}, which is neither a tensor nor a weight; {AGAIN}.")
        name, tensor = _name(mapping(entry.get("arg")).get("name")), _name(entry.get(STATES[kind]))
        if tensor not in tensors:
            raise Refusal(f"The program needs the tensor {quoted(tensor)}, which the file lacks; {AGAIN}.")
        state[name] = tensor
        if kind == "parameter":
            parameters.append(tensor)
    return state, inputs, list(dict.fromkeys(parameters))


def _user_input(arg: Json) -> str:
    if arg.get("as_tensor") is None:
        raise Refusal("The program takes an argument that is not a tensor; export it with samples only.")
    return _name(mapping(arg["as_tensor"]).get("name"))


def _input(name: str, values: Json) -> Json:
    """What a tensor of samples must look like; a side that may differ is null."""
    meta = mapping(values.get(name))
    shape = []
    for side in listed(meta.get("sizes")):
        size = mapping(side).get("as_int")
        if size is not None and (type(size) is not int or not 0 <= size < 2**40):
            raise Refusal(f"The shape of the input {quoted(name)} makes no sense; {AGAIN}.")
        shape.append(size)
    dtype = meta.get("dtype")
    return {"name": name, "dtype": dtype if type(dtype) is int else -1, "shape": shape}


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise Refusal(f"The program names something {quoted(value)}, which cannot be a name; {AGAIN}.")
    return value


def _node(node: Json, known: set[str]) -> Json:
    """One step; the values that it makes are known afterwards."""
    args: list[Any] = []
    keywords: dict[str, Any] = {}
    for given in listed(node.get("inputs")):
        argument = _argument(mapping(mapping(given).get("arg")), known)
        if mapping(given).get("kind", 1) == 1:
            args.append(argument)
        else:
            keywords[_name(mapping(given).get("name"))] = argument
    made = [_made(mapping(o)) for o in listed(node.get("outputs"))]
    many = any(isinstance(m, list) for m in made)
    if many and len(made) > 1:
        raise Refusal(f"A step of the program makes lists beside tensors; {AGAIN}.")
    out = made[0] if many else made
    known.update(name for name in out if name is not None)
    path, kind = _place(mapping(node.get("metadata", {})))
    operator = _name(node.get("target"))
    return {"op": operator, "args": args, "keywords": keywords, "out": out, "many": many, "path": path, "kind": kind}


def _made(output: Json) -> Any:
    """The name of what a step makes; a list for a list of tensors; None for nothing."""
    kind, value = _only(output)
    if kind == "as_tensor":
        return _name(mapping(value).get("name"))
    if kind == "as_tensors":
        return [_name(mapping(t).get("name")) for t in listed(value)]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        return _name(mapping(value).get("as_name"))
    if kind in ("as_none", "as_optional_tensor"):
        return None
    raise Refusal(f"A step of the program makes {quoted(kind)}, which is not read; {AGAIN}.")


def _only(union: Json) -> tuple[str, Any]:
    """The one field that is set."""
    fields = [(k, v) for k, v in union.items() if v is not None]
    if len(fields) != 1:
        raise Refusal(f"An argument of the program says {len(fields)} things at once; {AGAIN}.")
    return fields[0]


def _argument(union: Json, known: set[str]) -> list[Any]:
    kind, value = _only(union)
    if kind == "as_tensor":
        return ["tensor", _known(mapping(value).get("name"), known)]
    if kind == "as_tensors":
        return ["tensors", [_known(mapping(t).get("name"), known) for t in listed(value)]]
    if kind == "as_optional_tensors":
        return ["tensors", [_optional(mapping(t), known) for t in listed(value)]]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        return _symbol(mapping(value), known)
    if kind in ("as_sym_ints", "as_sym_bools", "as_sym_floats"):
        return ["symbols", [_symbol(mapping(v), known) for v in listed(value)]]
    if kind == "as_none":
        return ["value", None]
    if kind in PLAIN:
        return ["value", value]
    if kind == "as_float":
        return ["value", _float(value)]
    if kind == "as_floats":
        return ["value", [_float(v) for v in listed(value)]]
    if kind in NUMBERED:
        return [NUMBERED[kind], value]
    if kind == "as_device":
        return ["device", None]
    raise Refusal(f"A step of the program takes {quoted(kind)}, which is not read; {AGAIN}.")


def _optional(union: Json, known: set[str]) -> str | None:
    kind, value = _only(union)
    return None if kind == "as_none" else _known(mapping(value).get("name"), known)


def _symbol(union: Json, known: set[str]) -> list[Any]:
    kind, value = _only(union)
    return ["symbol", _known(value, known)] if kind == "as_name" else ["value", value]


def _known(value: Any, known: set[str]) -> str:
    name = _name(value)
    if name not in known:
        raise Refusal(f"The program reads {quoted(name)} before anything makes it; {AGAIN}.")
    return name


def _float(value: Any) -> float:
    if isinstance(value, str):
        if value not in FLOATS:
            raise Refusal(f"The program holds the number {quoted(value)}; {AGAIN}.")
        return FLOATS[value]
    if not isinstance(value, int | float):
        raise Refusal(f"The program holds the number {quoted(value)}; {AGAIN}.")
    return float(value)


def _place(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Path and class of the innermost module that a step belongs to."""
    stack = metadata.get("nn_module_stack", "")
    entries = [e.split(",", 2) for e in str(stack).split(";")] if stack else []
    # Steps of no module carry a placeholder of torch.export.
    inner = [e for e in entries if len(e) == 3 and not e[1].startswith("_empty_nn_module_stack")]
    path, kind = inner[-1][1:] if inner else ("", "")
    return (path, kind) if len(path) <= LONGEST_NAME and path.isprintable() else ("", "")


def _labels(module: Json) -> list[str]:
    """What each returned tensor is called, where a dictionary or a record is returned; empty names elsewhere."""
    calls = listed(module.get("module_call_graph", []))
    signature = next((mapping(c).get("signature") for c in calls if mapping(c).get("fqn") == ""), None)
    try:
        _, spec = json.loads(str(mapping(signature or {}).get("out_spec", "")))
        return list(_leaves(spec, ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # The names only help to choose; a tree that is not understood has none.
        return []


def _leaves(spec: Json, label: str) -> Iterator[str]:
    """Names of the leaves of a tree in order: the key under which each stands."""
    if spec["type"] is None:
        yield label
        return
    children = spec["children_spec"]
    keys = json.loads(spec["context"]) if isinstance(spec["context"], str) else spec["context"]
    named = isinstance(keys, list) and len(keys) == len(children)
    for place, child in enumerate(children):
        yield from _leaves(child, str(keys[place]) if named else label)


def _outputs(graph: Json, signature: Json, known: set[str], labels: list[str]) -> list[Json]:
    """Tensors that the program returns; what it writes back into buffers is left out."""
    specs = listed(signature.get("output_specs"))
    values = listed(graph.get("outputs"))
    out = []
    names = iter(labels)
    for spec, value in zip(specs, values, strict=False):
        if mapping(spec).get("user_output") is None:
            continue
        label = next(names, "")
        kind, entry = _only(mapping(value))
        if kind == "as_tensor":
            out.append({"name": _known(mapping(entry).get("name"), known), "label": label[:100]})
    if not out:
        raise Refusal(f"The program returns no tensor; {AGAIN} with a model that returns its outputs.")
    return out
