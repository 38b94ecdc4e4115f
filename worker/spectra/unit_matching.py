"""Which units of a network may trade places, and the order that brings one network closest to another.

A network computes the same function when the units of a hidden layer are reordered together with
everything that reads them. The layers that share one order are found in the traced graph; what the
trace does not understand keeps its order, so every order that is found preserves the function.
"""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, fx, nn

from kinscape.worker.inputs.undefined import Undefined

# Coordinate ascent ends sooner when no unit moves.
MOST_SWEEPS = 50
KEEPS = (
    nn.ReLU,
    nn.GELU,
    nn.SiLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.LeakyReLU,
    nn.ELU,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
KEEPS_CALLED = {
    torch.relu,
    nn.functional.relu,
    nn.functional.gelu,
    nn.functional.silu,
    torch.tanh,
    torch.sigmoid,
    nn.functional.max_pool2d,
    nn.functional.avg_pool2d,
    nn.functional.adaptive_avg_pool2d,
    nn.functional.dropout,
}
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass
class Orders:
    """Axes of tensors that share one order of units.

    Attributes:
        axes: order -> ``(tensor, axis, block)``; a block of neighbours moves as one.
        sizes: order -> number of units.
    """

    axes: dict[int, list[tuple[str, int, int]]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)


class _Trace:
    """Follows units through the graph; equal symbols have one order, None cannot be reordered."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.parent: list[int] = []
        self.fixed: set[int] = set()
        self.bound: list[tuple[int, str, int, int]] = []
        self.size: list[int] = []

    def fresh(self, size: int) -> int:
        self.parent.append(len(self.parent))
        self.size.append(size)
        return len(self.parent) - 1

    def root(self, symbol: int) -> int:
        while self.parent[symbol] != symbol:
            symbol = self.parent[symbol]
        return symbol

    def join(self, symbols: list[int | None]) -> int | None:
        """One order for all; none when one of them has none."""
        known = [s for s in symbols if s is not None]
        if len(known) < len(symbols):
            self.freeze(known)
            return None
        for other in known[1:]:
            self.parent[self.root(other)] = self.root(known[0])
        return known[0]

    def freeze(self, symbols: list[int]) -> None:
        self.fixed.update(symbols)

    def layer(self, name: str, layer: nn.Linear | nn.Conv2d, source: int | None) -> int | None:
        """Bind the inputs of a layer to what it reads; its outputs get an order of their own."""
        if isinstance(layer, nn.Conv2d) and layer.groups != 1:
            self.freeze([] if source is None else [source])
            return None
        width = layer.weight.shape[1]
        if source is not None:
            units = self.size[source]
            if width % units:
                self.freeze([source])
            else:
                self.bound.append((source, f"{name}.weight", 1, width // units))
        out = self.fresh(layer.weight.shape[0])
        self.bound.append((out, f"{name}.weight", 0, 1))
        if layer.bias is not None:
            self.bound.append((out, f"{name}.bias", 0, 1))
        return out

    def norm(self, name: str, norm: nn.BatchNorm1d | nn.BatchNorm2d, source: int | None) -> int | None:
        """A norm by channel keeps the order of its channels."""
        if source is not None:
            for tensor in ("weight", "bias", "running_mean", "running_var"):
                if getattr(norm, tensor) is not None:
                    self.bound.append((source, f"{name}.{tensor}", 0, 1))
        return source

    def orders(self) -> Orders:
        frozen = {self.root(s) for s in self.fixed}
        found = Orders()
        for symbol, tensor, axis, block in self.bound:
            root = self.root(symbol)
            if root not in frozen:
                found.axes.setdefault(root, []).append((tensor, axis, block))
                found.sizes[root] = self.size[root]
        return found


def orders_of(module: nn.Module) -> Orders:
    """The orders of hidden units of a network.

    Raises:
        Undefined: the network cannot be traced.
    """
    try:
        graph = fx.symbolic_trace(module).graph
    except Exception as error:
        raise Undefined(f"Its graph cannot be traced, so units cannot be matched: {str(error)[:120]}") from error
    trace, symbols = _Trace(module), dict[fx.Node, int | None]()
    for node in graph.nodes:
        sources = [symbols.get(n) for n in node.all_input_nodes]
        if node.op == "output":
            trace.freeze([s for s in sources if s is not None])
        else:
            symbols[node] = _follow(trace, node, sources)
    return trace.orders()


def _follow(trace: _Trace, node: fx.Node, sources: list[int | None]) -> int | None:
    source = sources[0] if len(sources) == 1 else None
    if node.op == "call_module":
        layer = trace.module.get_submodule(str(node.target))
        if isinstance(layer, nn.Linear | nn.Conv2d):
            return trace.layer(str(node.target), layer, source)
        if isinstance(layer, NORMS):
            return trace.norm(str(node.target), layer, source)
        if isinstance(layer, KEEPS) or (isinstance(layer, nn.Flatten) and layer.start_dim == 1):
            return source
    elif node.op == "call_function" and sources:
        if node.target in KEEPS_CALLED or _is_spatial(node):
            return source
        if node.target in (operator.add, torch.add) and len(node.args) == len(sources) == 2:
            return trace.join(sources)
        if node.target is torch.flatten and tuple(node.args[1:]) == (1,):
            return source
    elif node.op == "call_method" and node.target in ("relu", "contiguous"):
        return source
    trace.freeze([s for s in sources if s is not None])
    return None


def _is_spatial(node: fx.Node) -> bool:
    """Whether a part is taken of positions only, all samples and all channels."""
    if node.target is not operator.getitem or not isinstance(node.args[1], tuple):
        return False
    return len(node.args[1]) > 2 and all(part == slice(None) for part in node.args[1][:2])


def reordered(state: Mapping[str, Tensor], orders: Orders, chosen: Mapping[int, Tensor]) -> dict[str, Tensor]:
    """Parameters and statistics with the units of each order rearranged."""
    out = dict(state)
    for order, index in chosen.items():
        for name, axis, block in orders.axes[order]:
            if name in out:
                out[name] = out[name].index_select(axis, _spread(index, block).to(out[name].device))
    return out


def _spread(index: Tensor, block: int) -> Tensor:
    return (index[:, None] * block + torch.arange(block)).flatten() if block > 1 else index


def matched(to: Mapping[str, Tensor], of: Mapping[str, Tensor], orders: Orders) -> dict[int, Tensor]:
    """Orders of the second network's units that bring its weights closest to the first.

    One order at a time is chosen best while the others stay, until none changes.

    Source: Ainsworth et al. 2023, algorithm 1, in a fixed sequence of layers.
    """
    weights = {n: t.detach().to("cpu", torch.float64) for n, t in of.items() if t.is_floating_point()}
    goal = {n: t.detach().to("cpu", torch.float64) for n, t in to.items() if t.is_floating_point()}
    chosen = {order: torch.arange(size) for order, size in orders.sizes.items()}
    for _ in range(MOST_SWEEPS):
        still = True
        for order, size in orders.sizes.items():
            others = {o: i for o, i in chosen.items() if o != order}
            now = reordered(weights, orders, others)
            gain = torch.zeros(size, size, dtype=torch.float64)
            for name, axis, block in orders.axes[order]:
                if name in goal and not name.endswith(("running_mean", "running_var")):
                    gain += _units(goal[name], axis, block) @ _units(now[name], axis, block).T
            best = torch.from_numpy(linear_sum_assignment(gain.numpy(), maximize=True)[1])
            rows = torch.arange(size)
            if float(gain[rows, best].sum()) > float(gain[rows, chosen[order]].sum()) + 1e-12:
                chosen[order], still = best, False
        if still:
            break
    return chosen


def _units(tensor: Tensor, axis: int, block: int) -> Tensor:
    """One row per unit: everything of the tensor that belongs to it."""
    moved = tensor.movedim(axis, 0)
    return moved.reshape(moved.shape[0] // block, -1)
