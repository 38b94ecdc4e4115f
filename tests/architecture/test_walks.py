"""The walks of the architecture page can be followed: every stop is a function that exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
WALKS = PAGE.split("## Four walks", 1)[1].split("\n## ", 1)[0].split("\n**")[1:]
STOP = re.compile(r"`([\w/]+\.(?:py|tsx?)):([\w.]+)`")
CLASS = re.compile(r"(?m)^(?:export )?class (\w+)")
FUNCTION = re.compile(r"(?m)^(?:export )?(?:async )?function (\w+)")
METHOD = re.compile(r"(?m)^  (?:async |get )?(\w+)(?:<\w+>)?\(")


def functions(file: Path) -> set[str]:
    """Functions and methods of a file, as ``name`` or ``Class.name``."""
    if file.suffix != ".py":
        text = file.read_text()
        inside = {f"{owner}.{name}" for owner in CLASS.findall(text) for name in METHOD.findall(text)}
        return inside | set(FUNCTION.findall(text))
    found = set()
    for node in ast.parse(file.read_text()).body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + m.name for m in members if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)}
    return found


@pytest.mark.parametrize("walk", WALKS, ids=[w.split("**")[0] for w in WALKS])
def test_every_stop_of_a_walk_is_a_function(walk: str) -> None:
    stops = STOP.findall(walk)
    assert 10 <= len(stops) <= 15
    for file, name in stops:
        assert (ROOT / file).is_file(), file
        assert name in functions(ROOT / file), f"{file} has no {name}"


def test_every_numbered_stop_names_its_function() -> None:
    assert len(WALKS) == 4
    for walk in WALKS:
        numbers = re.findall(r"(?m)^(\d+)\. ", walk)
        assert len(numbers) == len(STOP.findall(walk))
