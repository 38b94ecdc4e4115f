"""Architectures that the owner of the server wrote: functions of a Python file, or of an installed package.

Their code runs in the workers, as every module of torch does. It comes from whoever starts the server, by its command
line or by ``pip``, and never from an upload.
"""

import importlib.metadata
import importlib.util
import inspect
import itertools
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from kinscape.backend.contracts.cards import ArchitectureArgument, ArgumentKind
from kinscape.backend.contracts.problems import Unprocessable
from kinscape.worker.loading.architectures.architecture import Architecture, Arguments, Shapes
from kinscape.worker.loading.module_facts import INPUT_OF_LAST, accepts_of

ENTRY_POINTS = "kinscape.networks"
# More than any sensible size; a module of such sizes is refused by memory.
LARGEST = 2**31 - 1
# Builds without memory take milliseconds; an upload waits for all of them.
MOST_BUILDS = 600
MOST_FORMS, MOST_OFFERED = 32, 8
# A network of a fraction of the depth has as few of the names.
LEAST_COMMON = 0.2
# Depths and numbers of heads or groups.
SMALL = range(1, 33)
KINDS: dict[Any, ArgumentKind] = {
    int: ArgumentKind.WHOLE,
    float: ArgumentKind.NUMBER,
    bool: ArgumentKind.SWITCH,
    str: ArgumentKind.TEXT,
}
HOW = "write it as `def net(width: int = 64, classes: int = 10) -> nn.Module:`"


class Differing(NamedTuple):
    """How a network differs from a file."""

    names: int
    shapes: int


NONE, NO_FIT = Differing(0, 0), Differing(sys.maxsize, 0)


class CannotLoad(Exception):
    """The owner's file or package cannot be used; the sentence says what to change."""


def from_files(paths: Sequence[Path]) -> dict[str, Architecture]:
    """Every network of these Python files by name.

    Raises:
        CannotLoad: a file is missing or broken, or a function cannot be offered.
    """
    out: dict[str, Architecture] = {}
    for path in paths:
        for one in _of_module(_imported(path), origin=path.name):
            _put(out, one)
    return out


def from_packages() -> dict[str, Architecture]:
    """Every network that installed packages offer: an entry point names a function, or a module of functions."""
    out: dict[str, Architecture] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            value = point.load()
        except Exception as error:  # whatever a package raises when it is imported
            raise CannotLoad(f"The entry point {point.name} ({point.value}) cannot be imported: {error}.") from error
        origin = point.dist.name if point.dist else point.value
        some = _of_module(value, origin=origin) if isinstance(value, ModuleType) else [_architecture(value, origin)]
        for one in some:
            _put(out, one)
    return out


def _put(into: dict[str, Architecture], one: Architecture) -> None:
    if one.name in into:
        raise CannotLoad(f"Two networks are called {one.name}: rename one of the functions.")
    into[one.name] = one


def _imported(path: Path) -> ModuleType:
    if not path.is_file():
        raise CannotLoad(f"There is no file {path}.")
    name = f"kinscape_networks_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CannotLoad(f"{path} is no Python file: its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up; the file's neighbours are imported by their names.
    sys.modules[name] = module
    sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the owner's code raises
        raise CannotLoad(f"{path} cannot be imported: {type(error).__name__}: {error}.") from error
    return module


def _of_module(module: ModuleType, *, origin: str) -> list[Architecture]:
    """Public functions of a module that say that they return a network."""
    found = [
        value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    out = [_architecture(f, origin) for f in found if _returns_network(f)]
    if not out:
        raise CannotLoad(f"{origin} has no public function that returns a network: {HOW}.")
    return out


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}


def _returns_network(function: Callable[..., Any]) -> bool:
    made = _hints(function).get("return")
    return isinstance(made, type) and issubclass(made, nn.Module)


def _architecture(function: Callable[..., Any], origin: str) -> Architecture:
    name = function.__name__.strip("_").replace("_", "-").lower()
    hints = _hints(function)
    arguments = tuple(
        _argument(p, hints.get(p.name), function) for p in inspect.signature(function).parameters.values()
    )
    defaults = {a.name: a.default for a in arguments}

    def build(**settings: Any) -> nn.Module:
        try:
            made = function(**settings)
        except Exception as error:  # whatever the owner's code raises
            raise Unprocessable(f"{name}: {type(error).__name__}: {str(error)[:300]}.") from error
        if not isinstance(made, nn.Module):
            raise Unprocessable(f"{name} returned a {type(made).__name__}, not a network.")
        return made

    def on_meta(settings: Arguments) -> nn.Module:
        with torch.device("meta"):
            return build(**{**defaults, **settings})

    text = (inspect.getdoc(function) or "").partition("\n")[0]
    return Architecture(
        name=name,
        summary=text or f"From {origin}.",
        arguments=arguments,
        build=build,
        penultimate=lambda _: INPUT_OF_LAST,
        accepts=lambda settings: accepts_of(on_meta(settings)),
        # A network that cannot be built without memory has no search; its defaults may fit all the same.
        propose=lambda shapes: fitting(arguments, lambda settings: _shapes(on_meta(settings)), shapes) or [defaults],
    )


def _argument(given: inspect.Parameter, hint: Any, function: Callable[..., Any]) -> ArchitectureArgument:
    place = f"The argument {given.name} of {function.__name__}"
    if given.kind in (given.VAR_POSITIONAL, given.VAR_KEYWORD, given.POSITIONAL_ONLY):
        raise CannotLoad(f"{place} cannot be given by name: {HOW}.")
    if given.default is inspect.Parameter.empty:
        raise CannotLoad(f"{place} has no default: {HOW}.")
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) is typing.Literal:
        choices, hint = typing.get_args(hint), str
    kind = KINDS.get(hint)
    if kind is None or not all(isinstance(c, str) for c in choices):
        raise CannotLoad(f"{place} must be an int, float, bool, str or a Literal of texts: {HOW}.")
    made = ArchitectureArgument(
        name=given.name,
        default=given.default if isinstance(given.default, bool | int | float | str) else str(given.default),
        help=f"{given.name.replace('_', ' ')}.".capitalize(),
        kind=kind,
        minimum=-LARGEST,
        maximum=LARGEST,
        choices=choices,
    )
    wrong = made.wrong(made.default)
    if wrong:
        raise CannotLoad(f"The default of {given.name} of {function.__name__} {wrong}.")
    return made


def _shapes(module: nn.Module) -> Shapes:
    return {n: tuple(t.shape) for n, t in module.state_dict().items()}


def fitting(
    arguments: Sequence[ArchitectureArgument], shapes_at: Callable[[Arguments], Shapes], found: Shapes
) -> list[Arguments]:
    """Settings whose network has the shapes of a file.

    Whole numbers are looked for one after the other, among the sides of the file's tensors and then among small
    numbers, keeping what lets more tensors fit; choices and switches are tried all, so that what leaves no trace in
    the shapes is offered in every form. Depths and widths come out; what is a product of several arguments may not.

    Args:
        shapes_at: shapes by name at some settings; raises Unprocessable where there is no such network.
        found: shapes by name in the file.
    """
    tried: dict[tuple[Any, ...], Differing] = {}

    def differing(settings: Arguments) -> Differing:
        key = tuple(settings.values())
        if key not in tried:
            tried[key] = _differing(shapes_at, settings, found) if len(tried) < MOST_BUILDS else NO_FIT
        return tried[key]

    whole = [a.name for a in arguments if a.kind is ArgumentKind.WHOLE]
    sides = sorted({side for shape in found.values() for side in shape})
    forms = list(_forms(arguments))
    for form in sorted(forms, key=differing):
        best = form
        if _is_alike(shapes_at, best, found):
            for name in whole * 2:
                values = [*sides, *SMALL]
                if differing(best) != NONE:
                    best = min([best, *({**best, name: value} for value in values)], key=differing)
        if differing(best) == NONE:
            sizes = {name: best[name] for name in whole}
            return [f for f in ({**f, **sizes} for f in forms) if differing(f) == NONE][:MOST_OFFERED]
    return []


def _is_alike(shapes_at: Callable[[Arguments], Shapes], settings: Arguments, found: Shapes) -> bool:
    """Whether enough names are the same for a search: with another network altogether it would find nothing."""
    try:
        names = shapes_at(settings).keys()
    except Unprocessable:
        return False
    return len(names & found.keys()) >= LEAST_COMMON * max(len(found), 1)


def _differing(shapes_at: Callable[[Arguments], Shapes], settings: Arguments, found: Shapes) -> Differing:
    """How many names and, of the common ones, how many shapes differ: names tell depths, whatever the widths are."""
    try:
        made = shapes_at(settings)
    except Unprocessable:
        return NO_FIT
    beside = [n for n in made if n not in found and not n.endswith("num_batches_tracked")]
    missing = [n for n in found if n not in made]
    return Differing(len(beside) + len(missing), sum(made.get(n, shape) != shape for n, shape in found.items()))


def _forms(arguments: Sequence[ArchitectureArgument]) -> Iterator[Arguments]:
    """Every combination of choices and switches, the defaults first."""
    axes: list[list[Any]] = []
    for a in arguments:
        others = list(a.choices) if a.choices else [True, False] if a.kind is ArgumentKind.SWITCH else []
        axes.append([a.default, *[o for o in others if o != a.default]])
    names = [a.name for a in arguments]
    return (dict(zip(names, values, strict=True)) for values in itertools.islice(itertools.product(*axes), MOST_FORMS))


def main(paths: Sequence[str]) -> int:
    """Try files as the workers will; print what they offer, or what is wrong with them."""
    try:
        offered = from_files([Path(p) for p in paths])
    except CannotLoad as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(f"{', '.join(offered)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
