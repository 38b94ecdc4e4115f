"""One forward pass of a network: its outputs, and the features of chosen layers."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.comparisons import Reduction
from kinscape.worker.engine.positions import Rows, rows_of
from kinscape.worker.inputs.passes import samples_in_cache
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.loading.module_facts import INPUT_OF


def reduced(values: Tensor, reduction: str) -> Tensor:
    """Features ``(samples, width)`` of a layer's output, or ``(samples, positions, width)``, whatever its shape.

    ``mean`` averages over the positions of a map ``(samples, channels, height, width)`` or of
    tokens ``(samples, tokens, width)``; ``flatten`` keeps every value; ``positions`` keeps every
    position apart; ``cls`` and ``last-token`` keep the first and the last token.
    """
    if values.ndim == 2:
        return values
    if reduction in (Reduction.CLS, Reduction.LAST_TOKEN):
        if values.ndim != 3:
            raise Undefined(f"The reduction {reduction} needs tokens (samples, tokens, width); this layer has none.")
        return values[:, 0 if reduction == Reduction.CLS else -1]
    if reduction == Reduction.POSITIONS and values.ndim in (3, 4):
        return values if values.ndim == 3 else values.flatten(2).mT
    if reduction == Reduction.MEAN and values.ndim == 4:
        return values.mean((2, 3))
    if reduction == Reduction.MEAN and values.ndim == 3:
        return values.mean(1)
    return values.flatten(1)


def check_runs(module: nn.Module, x: Tensor) -> bool:
    """Whether a network takes these samples; some are tried.

    Raises:
        Undefined: it does not; the sentence says what it raised.
    """
    try:
        with torch.no_grad():
            module(x[:2])
    except Undefined:
        raise
    except Exception as error:  # whatever somebody's own forward raises
        raise Undefined(
            f"The network does not take samples of shape {tuple(x.shape[1:])}: {type(error).__name__}: "
            f"{str(error)[:200]}"
        ) from error
    return True


def forward(
    module: nn.Module, x: Tensor, *, layers: Mapping[str, str], reduction: str, mask: Tensor | None = None
) -> tuple[Rows, dict[str, Tensor]]:
    """Answers as rows, and features of each layer by the name it was asked under.

    A network that answers for every position (a language model, a segmentation) has a row for each position.

    Args:
        mask: ``(samples, positions)``, 1 where there is a token.
        layers: module name by asked name; the empty module name means the logits.
    """
    check_runs(module, x)
    at_once = samples_in_cache(module, x)
    kept = {asked: _StoredFeatures(asked, len(x)) for asked in layers}
    handles = []
    for asked, name in layers.items():
        if not name:
            continue

        def keep(_m: nn.Module, _i: object, out: Tensor, asked: str = asked) -> None:
            kept[asked].add(reduced(out.detach(), reduction))

        def keep_input(_m: nn.Module, given: tuple[Tensor, ...], asked: str = asked) -> None:
            kept[asked].add(reduced(given[0].detach(), reduction))

        if name.endswith(INPUT_OF):
            handles.append(module.get_submodule(name.removesuffix(INPUT_OF)).register_forward_pre_hook(keep_input))
        else:
            handles.append(module.get_submodule(name).register_forward_hook(keep))
    answers: list[Rows] = []
    first = 0
    try:
        with torch.no_grad():
            for rows in x.split(at_once):
                out = module(rows)
                if not isinstance(out, Tensor) or out.ndim < 2:
                    raise Undefined("The network does not return logits (samples, classes).")
                here = None if mask is None else mask[first : first + len(rows)]
                answers.append(rows_of(out, rows, mask=here, samples=len(x), first=first))
                first += len(rows)
                for asked, name in layers.items():
                    if not name:
                        kept[asked].add(reduced(out, reduction))
    finally:
        for handle in handles:
            handle.remove()
    return _joined(answers), {asked: rows.whole() for asked, rows in kept.items()}


def _joined(parts: list[Rows]) -> Rows:
    """The rows of all passes; copied, as a later layer may work in place on what an output is a view of."""
    labels = [p.labels for p in parts if p.labels is not None]
    sequences = [p.sequences for p in parts if p.sequences is not None]
    logits = torch.cat([p.logits for p in parts])
    if not len(logits):
        raise Undefined("The mask leaves no token that has a next one.")
    return Rows(
        logits.clone() if len(parts) == 1 else logits,
        torch.cat(labels) if labels else None,
        torch.cat(sequences) if sequences else None,
    )


class _StoredFeatures:
    """Features of all samples, filled pass by pass.

    They are copied: a later layer that works in place would change what is only a view of an output.
    """

    def __init__(self, layer: str, samples: int) -> None:
        self._layer, self._samples = layer, samples
        self._values: Tensor | None = None
        self._filled = 0

    def add(self, values: Tensor) -> None:
        """The rows that come next."""
        if self._values is None:
            self._values = values.new_empty(self._samples, *values.shape[1:])
        end = self._filled + len(values)
        # What does not fit comes from a layer that runs more than once.
        if end <= self._samples and values.shape[1:] == self._values.shape[1:]:
            self._values[self._filled : end] = values
        self._filled = end

    def whole(self) -> Tensor:
        """All rows."""
        if self._values is None or self._filled != self._samples:
            raise Undefined(f"The layer {self._layer!r} runs more than once, or not at all, in one forward pass.")
        return self._values
