"""One forward pass of a network: its answers, and what chosen layers see."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from backend.contracts.comparisons import Reduction
from worker.measures.inputs import Undefined

SAMPLES_AT_ONCE = 1024


def reduced(values: Tensor, reduction: str) -> Tensor:
    """Features ``(samples, width)`` of a layer's output, whatever its shape.

    ``mean`` averages over the positions of a map ``(samples, channels, height, width)`` or of
    tokens ``(samples, tokens, width)``; ``flatten`` keeps every value; ``cls`` and ``last-token`` keep
    the first and the last token.
    """
    if values.ndim == 2:
        return values
    if reduction in (Reduction.CLS, Reduction.LAST_TOKEN):
        if values.ndim != 3:
            raise Undefined(f"The reduction {reduction} needs tokens (samples, tokens, width); this layer has none.")
        return values[:, 0 if reduction == Reduction.CLS else -1]
    if reduction == Reduction.MEAN and values.ndim == 4:
        return values.mean((2, 3))
    if reduction == Reduction.MEAN and values.ndim == 3:
        return values.mean(1)
    return values.flatten(1)


def forward(
    module: nn.Module, x: Tensor, *, layers: Mapping[str, str], reduction: str
) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits ``(samples, classes)``, and features of each layer by the name it was asked under.

    Args:
        layers: module name by asked name; the empty module name means the logits.
    """
    in_place = any(getattr(m, "inplace", False) for m in module.modules())
    kept: dict[str, list[Tensor]] = {asked: [] for asked in layers}
    handles = []
    for asked, name in layers.items():
        if not name:
            continue

        def keep(_m: nn.Module, _i: object, out: Tensor, asked: str = asked) -> None:
            values = reduced(out.detach(), reduction)
            # A later layer that works in place would change what is only a view of this output.
            kept[asked].append(values.clone() if in_place and values.data_ptr() == out.data_ptr() else values)

        handles.append(module.get_submodule(name).register_forward_hook(keep))
    logits = []
    try:
        with torch.no_grad():
            for rows in x.split(SAMPLES_AT_ONCE):
                out = module(rows)
                if not isinstance(out, Tensor) or out.ndim != 2:
                    raise Undefined("The network does not return logits (samples, classes).")
                logits.append(out)
                for asked, name in layers.items():
                    if not name:
                        kept[asked].append(out)
    finally:
        for handle in handles:
            handle.remove()
    return torch.cat(logits), {asked: _joined(asked, parts, len(x)) for asked, parts in kept.items()}


def _joined(layer: str, parts: Sequence[Tensor], samples: int) -> Tensor:
    features = parts[0] if len(parts) == 1 else torch.cat(list(parts)) if parts else torch.empty(0, 0)
    if features.shape[0] != samples:
        raise Undefined(f"The layer {layer!r} runs more than once, or not at all, in one forward pass.")
    return features
