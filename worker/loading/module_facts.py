"""What a module tells of itself, where nobody declared it: the samples it takes and where its features are."""

from torch import nn

from kinscape.backend.contracts.checkpoints import Accepts

# A layer's input is named by the layer and this ending: no module need stand there.
INPUT_OF = ":input"
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def penultimate_of(module: nn.Module) -> str:
    """The name of what enters the last linear layer; empty where there is none."""
    heads = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    return f"{heads[-1]}{INPUT_OF}" if heads else ""


def accepts_of(module: nn.Module) -> Accepts:
    """What the first layer with weights takes; everything where it is none of the usual ones."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return Accepts(channels=part.in_channels)
        if isinstance(part, nn.Embedding):
            return Accepts(is_whole=True)
        if isinstance(part, nn.Linear):
            return Accepts(inputs=part.in_features) if _is_fed_whole(module) else Accepts()
        if isinstance(part, CONVOLUTIONS) or list(part.parameters(recurse=False)):
            return Accepts()
    return Accepts()


def classes_of(module: nn.Module) -> int | None:
    """Outputs of the last linear layer; one logit is two classes."""
    heads = [part for part in module.modules() if isinstance(part, nn.Linear)]
    if not heads:
        return None
    return 2 if heads[-1].out_features == 1 else heads[-1].out_features


def _is_fed_whole(module: nn.Module) -> bool:
    """Whether every layer with weights is a linear one or a norm, as in perceptrons, whose samples are flat."""
    kinds = (nn.Linear, nn.BatchNorm1d, nn.LayerNorm, nn.PReLU)
    return all(isinstance(part, kinds) for part in module.modules() if list(part.parameters(recurse=False)))
