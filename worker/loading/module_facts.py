"""What a module tells of itself, where nobody declared it: the samples it takes and where its features are."""

from torch import nn

from kinscape.backend.contracts.checkpoints import Accepts

# What enters the linear layer that runs last: which one that is shows when the network runs, and no module need stand
# there.
INPUT_OF_LAST = ":input"


def accepts_of(module: nn.Module) -> Accepts:
    """Whether samples are tokens. The order in which layers are registered says nothing of shapes: these are tried."""
    first = next((part for part in module.modules() if list(part.parameters(recurse=False))), None)
    return Accepts(is_whole=isinstance(first, nn.Embedding))


def classes_of(module: nn.Module) -> int | None:
    """Outputs of the last linear layer; one logit is two classes."""
    heads = [part for part in module.modules() if isinstance(part, nn.Linear)]
    if not heads:
        return None
    return 2 if heads[-1].out_features == 1 else heads[-1].out_features
