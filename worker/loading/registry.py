"""Finding, building and proposing architectures."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

import kinscape.worker.loading.architectures as package
from kinscape.backend.contracts.cards import ArchitectureCard, Setting
from kinscape.backend.contracts.checkpoints import Mismatch, Proposal
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.loading.architectures.architecture import Architecture, Shapes
from kinscape.worker.loading.own_networks import CannotLoad

_own: dict[str, Architecture] = {}


def offer(networks: Mapping[str, Architecture]) -> None:
    """Add the networks of whoever runs this program, once, before anything is looked up.

    Raises:
        CannotLoad: one is called like a network that is known already.
    """
    for name in networks:
        if name in architectures():
            raise CannotLoad(f"{name} is the name of a known network: rename the function.")
    _own.update(networks)


def architectures() -> dict[str, Architecture]:
    """Every architecture by name: those of this package, and those of its owner."""
    return {**_of_package(), **_own}


@cache
def _of_package() -> dict[str, Architecture]:
    found = {}
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        one = getattr(importlib.import_module(info.name), "ARCHITECTURE", None)
        if isinstance(one, Architecture):
            found[one.name] = one
    return dict(sorted(found.items()))


def build(name: str, **arguments: Setting) -> nn.Module:
    """A freshly initialised network of the registry.

    Raises:
        Unprocessable: no such architecture, or arguments it does not take.
    """
    known = architectures().get(name)
    if known is None:
        raise Unprocessable(f"Unknown architecture {name!r}; known: {', '.join(architectures())}.")
    takes = {a.name: a for a in known.arguments}
    for key, value in arguments.items():
        if key not in takes:
            raise Unprocessable(f"{name} has no argument {key!r}; its arguments: {', '.join(takes)}.")
        wrong = takes[key].wrong(value)
        if wrong:
            raise Unprocessable(f"Argument {key} of {name} {wrong}.")
    try:
        return known.build(**known.settings(arguments))
    except ValueError as error:
        raise Unprocessable(f"{name}: {error}.") from error


def on_meta(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The network without weights: names and shapes only."""
    try:
        with torch.device("meta"):
            return build(name, **arguments)
    except Unprocessable:
        # Some are built from values, which a network without memory has not.
        return build(name, **arguments)


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a state dict."""
    return {n: tuple(t.shape) for n, t in module.state_dict().items()}


def layers_of(module: nn.Module) -> list[str]:
    """Modules whose outputs can be compared, in order: all but lists of modules, which are never called."""
    lists = (nn.ModuleList, nn.ModuleDict)
    return [name for name, part in module.named_modules() if name and not isinstance(part, lists)]


def mismatches(expected: Shapes, found: Shapes) -> list[Mismatch]:
    """Where a file's tensors differ from what an architecture expects; counters may be missing."""
    out = []
    for name in [*expected, *[n for n in found if n not in expected]]:
        want, have = expected.get(name), found.get(name)
        if have is None and name.endswith("num_batches_tracked"):
            continue
        if want != have:
            out.append(Mismatch(tensor=name, expected=want, found=have))
    return out


def proposals(found: Shapes) -> list[Proposal]:
    """Architectures whose names and shapes fit a file exactly."""
    out = []
    for name, one in architectures().items():
        for arguments in one.propose(found):
            try:
                module = on_meta(name, arguments)
            except Unprocessable:
                continue
            if not mismatches(shapes_of(module), found):
                out.append(Proposal(architecture=name, arguments=dict(arguments)))
    return out


def cards() -> list[ArchitectureCard]:
    """What the registry offers, with tensors and layers at the default arguments."""
    out = []
    for name, one in architectures().items():
        module = on_meta(name, {})
        out.append(
            ArchitectureCard(
                name=name,
                summary=one.summary,
                arguments=one.arguments,
                tensors=shapes_of(module),
                layers=tuple(layers_of(module)),
            )
        )
    return out
