"""One forward pass of a network: its outputs, and the features of chosen layers."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kinscape.backend.contracts.comparisons import Reduction
from kinscape.worker.engine.positions import Rows, rows_of
from kinscape.worker.inputs.passes import samples_in_cache, smallest_batch
from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.loading.module_facts import INPUT_OF_LAST


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
    """Whether a network takes these samples and leaves them as they are; some are tried, in a copy.

    Raises:
        Undefined: it does not take them; the sentence says what it raised, or what it returned.
    """
    given = smallest_batch(x)
    try:
        with torch.no_grad():
            out = module(given)
    except Undefined:
        raise
    except Exception as error:  # whatever somebody's own forward raises
        what = f"{type(error).__name__}: {str(error)[:200]}"
        raise Undefined(f"The network does not take samples of shape {tuple(x.shape[1:])}: {what}") from error
    if not isinstance(out, Tensor) or out.ndim < 2:
        what = f"the shape {tuple(out.shape)}" if isinstance(out, Tensor) else f"a {type(out).__name__}"
        raise Undefined(f"The network returns {what}, not logits (samples, classes): return these from its forward.")
    return torch.equal(given, x[: len(given)])


def last_linear(module: nn.Module, x: Tensor) -> nn.Linear:
    """The linear layer that runs last: its input are the features before the answer.

    Raises:
        Undefined: a convolution runs last, or there is no linear layer.
    """
    ran: list[nn.Module] = []
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    handles = [
        m.register_forward_hook(lambda m, _i, _o: ran.append(m)) for m in module.modules() if isinstance(m, kinds)
    ]
    try:
        with torch.no_grad():
            module(smallest_batch(x))
    finally:
        for handle in handles:
            handle.remove()
    if not ran or not isinstance(ran[-1], nn.Linear):
        raise Undefined("The network does not end with a linear layer, so no layer is the one before it: name a layer.")
    return ran[-1]


def forward(
    module: nn.Module,
    x: Tensor,
    *,
    layers: Mapping[str, str],
    reduction: str,
    are_tokens: bool = False,
    mask: Tensor | None = None,
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

        if name == INPUT_OF_LAST:
            handles.append(last_linear(module, x).register_forward_pre_hook(keep_input))
        else:
            handles.append(module.get_submodule(name).register_forward_hook(keep))
    answers: list[Rows] = []
    first = 0
    try:
        with torch.no_grad():
            for rows in x.split(at_once):
                # A copy: a network may change what it is given, and others are given the same samples.
                out = module(rows.clone())
                if not isinstance(out, Tensor) or out.ndim < 2:
                    raise Undefined("The network does not return logits (samples, classes).")
                here = None if mask is None else mask[first : first + len(rows)]
                answers.append(rows_of(out, rows, are_tokens=are_tokens, mask=here, samples=len(x), first=first))
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
