"""What a program does to shapes, without memory: tried before it ever runs on samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.loading.graph import Graph
from kinscape.worker.loading.operators import DTYPES
from kinscape.worker.loading.program import Program

# Samples of a dry run, where the program leaves that open; and of a second one, since what a step makes may grow faster
# than their number.
SAMPLES, MANY_SAMPLES = 2, 256
# A side that may differ, where nothing says how long it is.
USUAL_SIDE = 32
# Two samples of the largest networks stay a hundred times below; a hostile graph asks for more than a machine has.
MOST_VALUES = 2**32
EXPORT = "export it with dynamic_shapes=({0: torch.export.Dim.AUTO},), or record its outputs and features"


# More than in proportion to the samples, but not much: padding to a whole window, for one.
GROWTH = 4


class _Bounded(TorchDispatchMode):
    """Refuses a step that makes more values than a pass may hold; notes the most that one made."""

    def __init__(self, most: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most, self.largest = most, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if not isinstance(tensor, Tensor):
                continue
            self.largest = max(self.largest, tensor.numel())
            if tensor.numel() > self.most:
                raise Refusal(
                    f"The program makes {tensor.numel():,} values in one step ({quoted(func)}), more than is run here."
                )
        return made


def on_meta(graph: Graph, shapes: Mapping[str, tuple[str, Sequence[int]]]) -> Program:
    """The program without weights: names and shapes only.

    Args:
        shapes: safetensors type and shape of each tensor.
    """
    kinds = {"F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16, "BOOL": torch.bool, "I64": torch.int64}
    kinds |= {"I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8}
    state = {
        name: torch.empty(tuple(shape), dtype=kinds.get(kind, torch.float32), device="meta")
        for name, (kind, shape) in shapes.items()
    }
    return Program(graph, state)


def samples_of(graph: Graph, *, count: int = SAMPLES) -> Tensor:
    """Samples without values, as the program takes them."""
    first = graph.inputs[0]
    batch, *sides = first.shape or (count,)
    whole = (count if batch is None else batch, *(USUAL_SIDE if s is None else s for s in sides))
    return torch.empty(whole, dtype=DTYPES.get(first.dtype, torch.float32), device="meta")


def output_shape(program: Program, graph: Graph) -> tuple[int, ...]:
    """Shape of what the program returns for some samples.

    Raises:
        Refusal: it cannot run, or makes more values than fit.
    """
    try:
        with torch.no_grad(), _Bounded(MOST_VALUES) as few:
            out = program(samples_of(graph))
        most = max(MOST_VALUES, few.largest * GROWTH * MANY_SAMPLES // SAMPLES)
        with torch.no_grad(), _Bounded(most):
            program(samples_of(graph, count=MANY_SAMPLES))
    except Refusal:
        raise
    except Exception as error:
        # Anything a graph from outside can do wrong: torch raises a dozen kinds for it.
        why = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise Refusal(f"The program does not run on samples of its own shape ({why}); {EXPORT}.") from error
    if not isinstance(out, Tensor):
        raise Refusal("The program returns no tensor; export a model that returns its outputs.")
    return tuple(out.shape)
