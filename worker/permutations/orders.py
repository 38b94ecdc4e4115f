"""The orders of units that a network leaves free, found in the operators that it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.fx.experimental.proxy_tensor import make_fx

from kinscape.worker.inputs.functional import call_with
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.permutations import rearranging
from kinscape.worker.permutations.axes import Axes
from kinscape.worker.permutations.rules import RULES, Call, Labelled, Untold, entry_by_entry, is_entry_by_entry

__all__ = ["Orders", "Place", "orders_of", "rearranging", "units_at"]

# A pass of as many samples shows every operator; one would look like an axis without units.
SAMPLES_TRACED = 2


@dataclass(frozen=True)
class Place:
    """Where the units of one order lie in a tensor: the middle of an axis seen as (outer, units, inner)."""

    tensor: str
    axis: int
    inner: int


def units_at(tensor: Tensor, place: Place, size: int) -> Tensor:
    """One row per unit: everything of the tensor that belongs to it."""
    parts = tensor.unflatten(place.axis, (-1, size, place.inner))
    return parts.movedim(place.axis + 1, 0).reshape(size, -1)


@dataclass
class Orders:
    """Units that may be permuted, each order at all its places at once.

    Attributes:
        places: of each order.
        sizes: units of each order.
        untold: the operators whose axes cannot be told, so that what they read keeps its order.
    """

    places: dict[int, list[Place]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    untold: tuple[str, ...] = ()


def orders_of(module: nn.Module, x: Tensor) -> Orders:
    """The orders of hidden units that may change without a change of the function.

    Args:
        x: samples as the network takes them, at least one.

    Raises:
        Undefined: the operators that the network runs depend on its values.
    """
    state = {n: t.detach() for n, t in [*module.named_parameters(), *module.named_buffers()]}
    rows = torch.cat([x[:1]] * SAMPLES_TRACED)
    fastpath = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            traced = make_fx(lambda s, rows: call_with(module, s, rows), pre_dispatch=True)(state, rows)
    except Exception as error:
        reason = str(error).partition("\n")[0][:120]
        raise Undefined(f"Its operators cannot be followed, so units cannot be matched: {reason}") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
    return _Follower(state, traced.graph).orders()


class _Follower:
    """Goes through the operators in their order and labels every tensor by its axes."""

    def __init__(self, state: Mapping[str, Tensor], graph: fx.Graph) -> None:
        self.axes = Axes()
        self.state = {
            name: Labelled(tuple(t.shape), tuple(self.axes.fresh(n) for n in t.shape)) for name, t in state.items()
        }
        self.untold: dict[str, None] = {}
        self.values: dict[fx.Node, Any] = {}
        given = iter(self.state.values())
        for node in graph.nodes:
            if node.op == "placeholder":
                self.values[node] = next(given, None) or self._fixed(_shapes(node)[0])
            elif node.op == "output":
                self._fix(self._labelled(node.args))
            elif node.op == "call_function":
                self.values[node] = self._called(node)
            else:
                self.values[node] = self._fixed(_shapes(node)[0]) if _shapes(node) else None

    def orders(self) -> Orders:
        """What is left free, by the tensors in which it lies."""
        found = Orders(untold=tuple(self.untold))
        for name, tensor in self.state.items():
            for axis, label in enumerate(tensor.axes):
                factors = self.axes.factors(label)
                for at, factor in enumerate(factors):
                    if not self.axes.is_fixed(factor):
                        inner = prod(self.axes.size((f,)) for f in factors[at + 1 :])
                        found.places.setdefault(factor, []).append(Place(name, axis, inner))
                        found.sizes[factor] = self.axes.size((factor,))
        return found

    def _called(self, node: fx.Node) -> Any:
        if not isinstance(node.target, OpOverload):
            # Of several results, one.
            source, at = (*self._labelled(node.args), 0)[:2]
            return source[at] if isinstance(source, list) and isinstance(at, int) else source
        call = Call(self.axes, self._named(node, node.target), _shapes(node))
        try:
            labels = _rule_of(node.target)(call)
        except Untold:
            self.untold[node.target.name()] = None
            self._fix(call.args)
            return self._results(node, [self._fixed(shape) for shape in call.out])
        return self._results(node, [Labelled(s, a) for s, a in zip(call.out, labels, strict=True)])

    def _named(self, node: fx.Node, target: OpOverload) -> dict[str, Any]:
        args = self._labelled(node.args)
        return {
            a.name: args[k] if k < len(args) else self._labelled(node.kwargs.get(a.name, a.default_value))
            for k, a in enumerate(target._schema.arguments)
        }

    def _labelled(self, value: Any) -> Any:
        """Arguments with every tensor by its axes."""
        if isinstance(value, fx.Node):
            return self.values[value]
        if isinstance(value, (list, tuple)):
            return [self._labelled(v) for v in value]
        return value

    def _results(self, node: fx.Node, results: list[Labelled]) -> Any:
        return results if isinstance(node.meta.get("val"), (list, tuple)) else next(iter(results), None)

    def _fixed(self, shape: tuple[int, ...]) -> Labelled:
        return Labelled(shape, tuple(self.axes.fresh(size, fixed=True) for size in shape))

    def _fix(self, value: Any) -> None:
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Labelled):
                for axis in part.axes:
                    self.axes.fix(axis)
            elif isinstance(part, list):
                self._fix(part)


def _rule_of(operator: OpOverload) -> Any:
    name = operator._schema.name.partition("::")[2].removesuffix("_")
    if name in RULES:
        return RULES[name]
    return entry_by_entry if is_entry_by_entry(operator) else _unknown


def _unknown(call: Call) -> list[Any]:
    raise Untold


def _shapes(node: fx.Node) -> list[tuple[int, ...]]:
    value = node.meta.get("val")
    values = value if isinstance(value, (list, tuple)) else [value]
    return [tuple(int(n) for n in v.shape) for v in values if isinstance(v, Tensor)]
