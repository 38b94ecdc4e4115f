"""The verb `kinscape make`: a checkpoint from others, on the server."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from kinscape.backend.contracts.operations import OperationKind
from kinscape.client import Client

VERB = "make"
Pairs = Callable[[Sequence[str]], dict[str, str]]
# Settings that are lists, with commas between.
LISTS = ("layers",)
YES_AND_NO = {"true": True, "yes": True, "false": False, "no": False}


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The grammar of the verb."""
    make = verbs.add_parser(VERB, help="make a checkpoint from others: pruned, quantised, averaged, …")
    make.add_argument("operation", choices=[str(kind) for kind in OperationKind])
    make.add_argument("--project", required=True)
    make.add_argument("--of", action="append", required=True, metavar="NAME", help="what it is made of; several times")
    make.add_argument("--name", required=True, help="of what is made")
    make.add_argument("--group", default="")
    make.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE")
    make.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="such as share=0.5, bits=8, layers=features.0,classifier, at=0.5, per_layer=yes",
    )


def make(client: Client, given: argparse.Namespace, pairs: Pairs) -> int:
    """Make it, and say what it is."""
    settings = {name: _value(name, text) for name, text in pairs(given.set).items()}
    made = client.project(given.project).derive(
        given.operation, given.of, name=given.name, group=given.group, tags=pairs(given.tag), **settings
    )
    print(f"checkpoint {made.id} {made.name} {made.state}")
    return 0


def _value(name: str, text: str) -> Any:
    if name in LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    if text.lower() in YES_AND_NO:
        return YES_AND_NO[text.lower()]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
