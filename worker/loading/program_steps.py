"""What the nodes of a program are: which of them run, and what each is given."""

from functools import cache

from kinscape.worker.door.refusal import Refusal, quoted
from kinscape.worker.loading.graph import ArgumentKind, Graph, Node
from kinscape.worker.loading.operators import CHECKS, OPERATORS

# How operators call the argument that says whether they train.
TRAINING = frozenset({"train", "training"})
# Where batch_norm takes its running mean.
RUNNING_MEAN = 3
# They make a number out of a tensor, and change nothing.
NUMBERS = frozenset({"torch.ops.aten.item.default", "torch.ops.aten.sym_size.int", "torch.ops.aten.sym_numel.default"})


def check_operators(graph: Graph) -> None:
    """Refuse a program that uses an operator that is not listed."""
    for node in graph.nodes:
        if node.op in OPERATORS or node.op in CHECKS:
            continue
        where = f" in {node.path}" if node.path else ""
        raise Refusal(
            f"The program uses the operator {quoted(node.op)}{where}, which is not read here: upload its weights alone "
            "(state dict), or record its outputs and features."
        )


def read_nodes(graph: Graph) -> list[Node]:
    """Nodes that compute something, without the numbers that only checks of the export would read."""
    wanted = {o.name for o in graph.outputs}
    run = []
    for node in reversed(graph.nodes):
        is_number = node.op in NUMBERS or node.op.startswith("_operator.")
        if node.op in CHECKS or (is_number and not any(name in wanted for name in node.out)):
            continue
        wanted |= node.reads
        run.append(node)
    return run[::-1]


def samples_of(node: Node) -> str:
    """What a layer is called with: its only tensor that is not a weight."""
    place = 1 if node.op.endswith("embedding.default") else 0
    name: str = node.args[place][1]
    return name


@cache
def _flags_of(operator: str) -> tuple[int, ...]:
    """Places of the arguments that tell an operator whether it trains."""
    schema = getattr(OPERATORS[operator], "_schema", None)
    arguments = [] if schema is None else schema.arguments
    return tuple(k for k, argument in enumerate(arguments) if argument.name in TRAINING)


def training_flags(node: Node) -> tuple[int, ...]:
    """The same for a step; a norm without statistics of its own takes them from its batch in eval mode, too."""
    is_norm = node.op.endswith("batch_norm.default")
    if is_norm and len(node.args) > RUNNING_MEAN and node.args[RUNNING_MEAN] == (ArgumentKind.VALUE, None):
        return ()
    return _flags_of(node.op)


def counts_batches(node: Node, graph: Graph) -> bool:
    """Whether a step counts the batches of training, which nothing reads."""
    if not node.op.endswith("add_.Tensor") and not node.op.endswith("add.Tensor"):
        return False
    kind, name = node.args[0]
    return kind is ArgumentKind.TENSOR and graph.state.get(name, "").endswith("num_batches_tracked")


def chosen_output(graph: Graph) -> str:
    """The tensor called logits, else the first."""
    return next((o.name for o in graph.outputs if o.is_logits), graph.outputs[0].name)
