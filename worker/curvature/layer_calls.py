"""Which layers of a network run once in a pass, on what, and with weights of their own."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinscape.worker.inputs.passes import smallest_batch
from kinscape.worker.inputs.subject import Subject


@dataclass(frozen=True)
class Call:
    """One layer's only call in a pass.

    Attributes:
        given: what it read; nothing where it was called by keyword.
        out: what it returned.
    """

    layer: nn.Module
    given: Tensor | None
    out: Tensor


def single_calls(subject: Subject, kinds: tuple[type[nn.Module], ...], x: Tensor) -> dict[str, Call]:
    """Layers of these types, or made of them, that run once on some samples, by name, in the order in which they run.

    Their weights are called ``weight`` and ``bias``, and belong to no other layer.
    """
    owners: dict[int, int] = {}
    for _, p in subject.module.named_parameters(remove_duplicate=False):
        owners[id(p)] = owners.get(id(p), 0) + 1
    seen: dict[str, list[Call]] = {}
    handles = []
    for name, module in subject.module.named_modules():
        own = dict(module.named_parameters(recurse=False))
        alone = own.keys() <= {"weight", "bias"} and all(owners[id(p)] == 1 for p in own.values())
        # A parametrised layer makes its weight from others.
        is_whole = type(module) in kinds or (isinstance(module, kinds) and "weight" in own)
        if not is_whole or not alone:
            continue

        def called(module: nn.Module, given: tuple[Tensor, ...], out: Tensor, name: str = name) -> None:
            seen.setdefault(name, []).append(Call(module, given[0] if given else None, out))

        handles.append(module.register_forward_hook(called))
    try:
        with torch.no_grad():
            subject.logits(subject.weights, x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: calls[0] for name, calls in seen.items() if len(calls) == 1}


def first_layer(subject: Subject, kinds: tuple[type[nn.Module], ...]) -> tuple[str, Tensor] | None:
    """Name of a layer of these types that reads the samples themselves, and what it reads of all of them."""
    some = smallest_batch(subject.x)
    for name, call in single_calls(subject, kinds, some).items():
        given = call.given
        if not name or given is None or given.data_ptr() != some.data_ptr() or given.numel() != some.numel():
            continue
        # The same memory may be read in another order.
        if torch.equal(given, some.reshape(given.shape)):
            return name, subject.x.reshape(-1, *given.shape[1:])
    return None
