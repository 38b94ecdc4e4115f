"""Shapes that no linter knows: bodies, literal states, measures on their own; each rule bites on a bad example."""

import ast
import enum
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import kinscape.backend.contracts as contracts

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("backend", "worker", "frontend", "kinscape", "migrations")
FILES = sorted(f for room in ROOMS for f in (ROOT / room).rglob("*.py") if "versions" not in f.parts)
LONGEST_BODY = 50
# What files of measures may take from one another's folder: the card of their family, and measures by their slug.
SHARED = {"family", "catalogue"}

# Words of another language that an enum of the contracts happens to have as well.
NOT_A_STATE = {
    "backend/api/answers.py": {"path"},  # where FastAPI found a bad field
    "worker/engine/inspection.py": {"mean"},  # a field of normalisation
    "kinscape/cli.py": {"probe"},  # a verb of the command line
    "kinscape/local/programs.py": {"ready"},  # what Postgres writes into postmaster.pid
}


def _id(file: Path) -> str:
    return str(file.relative_to(ROOT))


def long_bodies(tree: ast.AST) -> Iterator[str]:
    """Functions of more than ``LONGEST_BODY`` lines, their docstrings left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            has_doc = ast.get_docstring(node, clean=False) is not None
            doc = (first.end_lineno or 0) - first.lineno + 1 if has_doc else 0
            lines = (node.end_lineno or 0) - node.lineno + 1 - doc
            if lines > LONGEST_BODY:
                yield f"{node.name} has {lines} lines"


def states() -> set[str]:
    """Every value of an enum of the contracts."""
    values = set()
    for info in pkgutil.iter_modules(contracts.__path__, f"{contracts.__name__}."):
        for found in vars(importlib.import_module(info.name)).values():
            if isinstance(found, type) and issubclass(found, enum.StrEnum):
                values |= {member.value for member in found}
    return values


def literal_states(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Comparisons of something with the bare text of an enum's value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                for part in [side, *getattr(side, "elts", [])]:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value in known:
                        yield f"line {node.lineno}: {ast.unparse(node)}"


def borrowed_from_measures(tree: ast.AST) -> Iterator[str]:
    """Imports that take something out of the file of a measure: a family's card is all that is shared."""
    for node in ast.walk(tree):
        module = (isinstance(node, ast.ImportFrom) and node.module) or ""
        if module.startswith("kinscape.worker.measures.") and module.rpartition(".")[2] not in SHARED:
            yield f"line {getattr(node, 'lineno', 0)}: from {module}"


@pytest.mark.parametrize("file", FILES, ids=_id)
def test_a_body_fits_a_screen(file: Path) -> None:
    assert not list(long_bodies(ast.parse(file.read_text())))


@pytest.mark.parametrize("file", FILES, ids=_id)
def test_a_state_is_compared_as_the_enum_it_is(file: Path) -> None:
    known = states() - NOT_A_STATE.get(_id(file), set())
    assert not list(literal_states(ast.parse(file.read_text()), known))


@pytest.mark.parametrize("file", FILES, ids=_id)
def test_layout_is_the_formatters(file: Path) -> None:
    assert "fmt: " + "skip" not in file.read_text()


@pytest.mark.parametrize("file", sorted((ROOT / "worker" / "measures").rglob("*.py")), ids=_id)
def test_a_measure_imports_no_other_measure(file: Path) -> None:
    assert not list(borrowed_from_measures(ast.parse(file.read_text())))


def test_the_rules_of_shape_bite() -> None:
    long = ast.parse("def f():\n" + "    x = 1\n" * LONGEST_BODY)
    assert list(long_bodies(long)) == ["f has 51 lines"]
    documented = ast.parse('def f():\n    """Say\n\n    more.\n    """\n' + "    x = 1\n" * (LONGEST_BODY - 1))
    assert not list(long_bodies(documented))
    known = states()
    assert list(literal_states(ast.parse("job.state == 'running'"), known))
    assert list(literal_states(ast.parse("queue in ('compute', other)"), known))
    assert not list(literal_states(ast.parse("name == 'somebody'"), known))
    assert list(borrowed_from_measures(ast.parse("from kinscape.worker.measures.functional.jeffreys import x")))
    assert not list(borrowed_from_measures(ast.parse("from kinscape.worker.measures.functional.family import CARD")))
