"""A network that runs the graph of an exported program.

A step whose weights belong to a linear, convolution, norm or embedding layer becomes that layer of ``torch.nn``; every
other module that the program came from is a ``Part`` through which its output passes. So hooks, names of parameters and
layers that measures look for are where they were in the network that was exported, and each result is bit for bit the
operator's.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.loading.graph import Argument, ArgumentKind, Graph, Node
from kinscape.worker.loading.operators import DTYPES, MEMORY_FORMATS, OPERATORS
from kinscape.worker.loading.program_layers import layer_of
from kinscape.worker.loading.program_steps import (
    check_operators,
    chosen_output,
    counts_batches,
    read_nodes,
    samples_of,
    training_flags,
)

# What enters the head, where no module returns it, such as the mean over tokens.
HEAD_INPUT = "head_input"


class Part(nn.Module):
    """A module of the exported network; its output passes through, so that hooks see it."""

    def forward(self, x: Tensor) -> Tensor:
        """The same tensor."""
        return x


@dataclass
class Step:
    """One node as it runs.

    Attributes:
        layer: path of the layer that computes it; None where the operator does.
        parts: paths of the modules whose output it makes, innermost first.
        last_reads: values that no later step reads.
    """

    node: Node
    layer: str | None = None
    parts: tuple[str, ...] = ()
    last_reads: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """How a program runs; under one name, so that its modules may have all others.

    Attributes:
        exported_as: type of the weights when it was exported; where the program names that type, it means the type
            that they have now.
        layers: layers of torch.nn by path.
        parts: the other modules, through which what they return passes.
        owners: module and attribute of each tensor.
        output: the value that it returns.
        penultimate: path of the module through which passes what enters the last step with weights.
    """

    graph: Graph
    steps: list[Step]
    exported_as: torch.dtype
    output: str
    layers: dict[str, nn.Module] = field(default_factory=dict)
    parts: dict[str, nn.Module] = field(default_factory=dict)
    owners: dict[str, tuple[nn.Module, str]] = field(default_factory=dict)
    penultimate: str = ""


class Program(nn.Module):
    """The network of an exported program, in eval mode whatever mode it was exported in.

    Args:
        graph: of the program.
        state: its tensors by name; a tensor that several modules use stands under one name.

    Raises:
        Refusal: it uses an operator that is not read; the sentence names it and its module.
    """

    _plan: Plan

    def __init__(self, graph: Graph, state: dict[str, Tensor]) -> None:
        super().__init__()
        check_operators(graph)
        first = next((state[n] for n in graph.parameters if state[n].is_floating_point()), None)
        steps = [Step(n) for n in read_nodes(graph) if not counts_batches(n, graph)]
        self._plan = Plan(graph, steps, torch.float32 if first is None else first.dtype, chosen_output(graph))
        self._lay_out()
        self._add_layers(state)
        self._add_parts()
        self._plan.penultimate = self._tap_head()
        self._add_state(state)
        _forget_early(self._plan)
        self.eval()

    def _lay_out(self) -> None:
        """A part for every module, in the order in which they run."""
        for step in self._plan.steps:
            for path in _enclosing(step.node.path):
                if _is_free(self, path):
                    _walk(self, path.split("."))

    def _add_layers(self, state: dict[str, Tensor]) -> None:
        """Layers of torch.nn for the steps that are one."""
        steps_of = Counter(step.node.path for step in self._plan.steps)
        with_parts = {path.rpartition(".")[0] for step in self._plan.steps for path in _enclosing(step.node.path)}
        for step in self._plan.steps:
            path = step.node.path.split("@")[0]
            # A class of another library may do more than the layer that it extends.
            is_whole = steps_of[step.node.path] == 1 or step.node.kind.startswith("torch.nn.")
            is_whole = is_whole and path not in with_parts
            made = layer_of(step.node, path, self._plan.graph.state, state) if is_whole else None
            if made is None or not _is_free(self, path):
                continue
            if path not in self._plan.layers:
                *before, last = path.split(".")
                owner = _walk(self, before)
                owner._modules[last] = self._plan.layers[path] = made
            step.layer = path

    def _add_parts(self) -> None:
        """A part for every other module, at the step that makes what it returns."""
        made_by = {name: k for k, step in enumerate(self._plan.steps) for name in step.node.out if name}
        for path, last in _returned(self._plan.steps, self._plan.graph).items():
            if path in self._plan.layers or last not in made_by or not _is_free(self, path):
                continue
            self._plan.parts[path] = self.get_submodule(path)
            step = self._plan.steps[made_by[last]]
            step.parts = tuple(sorted((*step.parts, path), key=lambda p: -p.count(".")))

    def _tap_head(self) -> str:
        """Path of the part through which passes what the last step with weights reads; empty where nothing does."""
        for step in reversed(self._plan.steps):
            weights = [n for n in step.node.reads if self._plan.graph.state.get(n) in self._plan.graph.parameters]
            read = [a[1] for a in step.node.args if a[0] is ArgumentKind.TENSOR and a[1] not in self._plan.graph.state]
            if not weights or not read:
                continue
            for made in self._plan.steps:
                if read[0] in made.node.out and not made.node.many and len(made.node.out) == 1:
                    return self._part_after(made)
            return ""
        return ""

    def _part_after(self, step: Step) -> str:
        """A module through which the output of a step passes, made where there is none."""
        known = [*step.parts, *([step.layer] if step.layer is not None else [])]
        if known:
            return known[-1]
        path = HEAD_INPUT
        while hasattr(self, path):
            path += "_"
        self._plan.parts[path] = _walk(self, [path])
        step.parts = (*step.parts, path)
        return path

    def _add_state(self, state: dict[str, Tensor]) -> None:
        """Every tensor that no layer holds, as a parameter or buffer under its own name."""
        held = {n for n, _ in self.named_parameters()} | {n for n, _ in self.named_buffers()}
        trained = set(self._plan.graph.parameters)
        for name in dict.fromkeys([*self._plan.graph.state.values(), *state]):
            *path, last = name.split(".")
            owner = _walk(self, path)
            if name not in held:
                tensor = state[name]
                if hasattr(owner, last):
                    raise Refusal(f"The program names both a module and a tensor {quoted(name)}; rename one.")
                if name in trained:
                    owner.register_parameter(last, nn.Parameter(tensor, requires_grad=tensor.is_floating_point()))
                else:
                    owner.register_buffer(last, tensor)
            self._plan.owners[name] = (owner, last)

    def forward(self, x: Tensor) -> Tensor:
        """What the program returns for samples; the first of several tensors, or the one called logits."""
        fixed = self._plan.graph.inputs[0].shape[0] if self._plan.graph.inputs[0].shape else None
        if fixed is None or len(x) == fixed:
            return self._run(x)
        parts = []
        for rows in x.split(fixed):
            # A program of a fixed batch takes that many samples: the last ones are filled up with one of them.
            filled = (
                rows if len(rows) == fixed else torch.cat([rows, rows[-1:].expand(fixed - len(rows), *x.shape[1:])])
            )
            parts.append(self._run(filled)[: len(rows)])
        return torch.cat(parts)

    def _run(self, x: Tensor) -> Tensor:
        values: dict[str, Any] = self._inputs(x)
        for name, tensor in self._plan.graph.state.items():
            owner, last = self._plan.owners[tensor]
            values[name] = getattr(owner, last)
        as_now = self._dtype(values)
        for step in self._plan.steps:
            node = step.node
            if step.layer is not None:
                made = self._plan.layers[step.layer](values[samples_of(node)])
            else:
                made = self._computed(node, values, as_now)
            for path in step.parts:
                made = self._plan.parts[path](made)
            if node.many or len(node.out) > 1:
                values.update((n, v) for n, v in zip(node.out, made, strict=False) if n is not None)
            elif node.out and node.out[0] is not None:
                values[node.out[0]] = made
            for name in step.last_reads:
                values.pop(name, None)
        out: Tensor = values[self._plan.output]
        return out

    def _inputs(self, x: Tensor) -> dict[str, Any]:
        """The samples under the graph's name, and masks that hide nothing."""
        first, *masks = self._plan.graph.inputs
        wanted = DTYPES.get(first.dtype, torch.float32)
        if not wanted.is_floating_point and x.is_floating_point():
            x = x.to(wanted)
        if len(first.shape) == 2 and x.ndim > 2:
            x = x.flatten(1)
        everything = {
            m.name: torch.ones(x.shape, dtype=DTYPES.get(m.dtype, torch.int64), device=x.device) for m in masks
        }
        return {first.name: x, **everything}

    def _dtype(self, values: dict[str, Any]) -> torch.dtype:
        """The type that the weights have now."""
        name = next((g for g, t in self._plan.graph.state.items() if t in self._plan.graph.parameters), None)
        return values[name].dtype if name is not None and values[name].is_floating_point() else self._plan.exported_as

    def _computed(self, node: Node, values: dict[str, Any], as_now: torch.dtype) -> Any:
        device = values[self._plan.graph.inputs[0].name].device if self._plan.graph.inputs[0].name in values else None
        arguments = [self._value(a, values, as_now) for a in node.args]
        keywords = {name: self._value(a, values, as_now) for name, a in node.keywords.items()}
        for place in training_flags(node):
            if place < len(arguments):
                arguments[place] = False
        if "device" in keywords:
            keywords["device"] = device or self._device()
        return OPERATORS[node.op](*arguments, **keywords)

    def _device(self) -> torch.device:
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def _value(self, argument: Argument, values: dict[str, Any], as_now: torch.dtype) -> Any:
        kind, value = argument
        match kind:
            case ArgumentKind.TENSOR | ArgumentKind.SYMBOL:
                return values[value]
            case ArgumentKind.TENSORS:
                return [None if name is None else values[name] for name in value]
            case ArgumentKind.SYMBOLS:
                return [values[v] if inner == ArgumentKind.SYMBOL else v for inner, v in value]
            case ArgumentKind.DTYPE:
                named = DTYPES[value]
                return as_now if named == self._plan.exported_as else named
            case ArgumentKind.DEVICE:
                return self._device()
            case ArgumentKind.MEMORY_FORMAT:
                return MEMORY_FORMATS[value]
            case ArgumentKind.LAYOUT:
                return torch.strided
        return value


def layers_of(program: Program) -> list[str]:
    """Modules whose outputs can be compared, in the order in which they run."""
    plan = program._plan
    return [path for path, _ in program.named_modules() if path in plan.layers or path in plan.parts]


def penultimate_of(program: Program) -> str:
    """The module through which passes what enters the last step with weights; empty where there is none."""
    return program._plan.penultimate


def _forget_early(plan: Plan) -> None:
    """Note at each step the values that nothing reads afterwards."""
    wanted = {o.name for o in plan.graph.outputs}
    for step in reversed(plan.steps):
        made = {n for n in step.node.out if n}
        step.last_reads = [n for n in step.node.reads | made if n not in wanted]
        wanted |= step.node.reads | made


def _walk(root: nn.Module, path: list[str]) -> nn.Module:
    """The module at a path, made of parts where it is not there."""
    here = root
    for name in path:
        if name not in here._modules:
            if hasattr(here, name):
                raise Refusal(f"The program names a module {quoted('.'.join(path))}, which cannot be a name here.")
            here.add_module(name, Part())
        here = here.get_submodule(name)
    return here


def _is_free(root: nn.Module, path: str) -> bool:
    """Whether a module may stand at a path: nothing else has that name."""
    here: nn.Module = root
    for name in path.split("."):
        if not name or (name not in here._modules and hasattr(here, name)):
            return False
        if name not in here._modules:
            return True
        here = here.get_submodule(name)
    return True


def _returned(steps: list[Step], graph: Graph) -> dict[str, str]:
    """By module path, the value that the module returns.

    That is the last value made inside it that something outside reads; where nothing does, its last value.
    """
    readers: dict[str, list[str]] = {}
    for step in steps:
        for name in step.node.reads:
            readers.setdefault(name, []).append(step.node.path)
    for output in graph.outputs:
        readers.setdefault(output.name, []).append("")
    found: dict[str, tuple[bool, str]] = {}
    for step in steps:
        if step.node.many or len(step.node.out) != 1 or step.node.out[0] is None:
            continue
        name = step.node.out[0]
        for path in _enclosing(step.node.path):
            leaves = any(not _is_inside(p, path) for p in readers.get(name, []))
            if leaves or not found.get(path, (False, ""))[0]:
                found[path] = (leaves, name)
    return {path: name for path, (_, name) in found.items()}


def _enclosing(path: str) -> list[str]:
    parts = path.split(".") if path else []
    return [".".join(parts[: k + 1]) for k in range(len(parts))]


def _is_inside(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}.")
