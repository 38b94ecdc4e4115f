"""The database's history: up, down, up again, and no drift from the tables."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kinscape.backend.actions import plans
from kinscape.backend.contracts.cells import Estimate, Reason, Why
from kinscape.backend.contracts.comparisons import ComparisonCreate
from kinscape.backend.contracts.jobs import (
    AddBuiltin,
    InspectCheckpoint,
    InspectProbe,
    ModelJob,
    Summarise,
    Tile,
    TilePart,
)
from kinscape.backend.contracts.problems import Unavailable
from kinscape.backend.store import matrices
from kinscape.backend.store.database import Database
from kinscape.backend.store.tables import JobRow
from kinscape.local import programs
from kinscape.migrations.moving import _config, head, migrate
from tests.conftest import Server


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """A second, empty database on the running Postgres."""
    run = programs.run_folder(server.data)
    engine = create_engine(programs.database_url(run), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("drop database if exists history"))
        connection.execute(text("create database history"))
    yield programs.database_url(run).replace("/kinscape?", "/history?")
    with engine.connect() as connection:
        connection.execute(text("drop database history with (force)"))
    engine.dispose()


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return found


def test_migrations_go_up_and_down_and_match_the_tables(database: str) -> None:
    migrate(database)
    assert "matrix_rows" in tables(database)
    command.check(_config(database))
    migrate(database, to="base")
    assert tables(database) == set()
    migrate(database)
    assert "matrix_rows" in tables(database)


def run(url: str, *statements: str, **values: object) -> list[sa.Row[Any]]:
    """The rows of the last of some statements."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            found = connection.execute(text(statement), values)
        rows = list(found.all()) if found.returns_rows else []
    engine.dispose()
    return rows


def fill(url: str) -> None:
    """A database of the release before: pairs, a directed measure, single models, reasons, a curve, jobs."""
    run(
        url,
        "insert into projects (name) values ('filled')",
        "insert into checkpoints (project_id, name, state) select 1, 'n' || i, 'ready' from generate_series(1, 4) i",
        "insert into probes (project_id, name, role, state) values (1, 'p', 'held-out', 'ready')",
        "insert into cards (slug, card) values ('kl-divergence', '{\"symmetric\": false}')",
        *[
            "insert into questions (key, slug, version, arity, input, parameters, probe_id, role, precision, seed) "
            f"values ('{k}', '{slug}', 1, '{arity}', 'outputs', '{{}}', 1, 'held-out', 'float32', 0)"
            for k, (slug, arity) in enumerate(
                [("disagreement", "pair"), ("kl-divergence", "pair"), ("ece", "model")], start=1
            )
        ],
    )
    rest = {"interval": "sampling", "method": "jackknife", "warning": "", "monte_carlo_error": None}
    cells = [
        (1, 1, 2, 0.25, {**rest, "notes": {"chance": 0.9}, "series": {}}),
        (1, 1, 3, 0.5, {**rest, "notes": {}, "series": {}}),
        (1, 2, 3, None, {}),
        (2, 1, 2, 0.75, {**rest, "notes": {}, "series": {}}),
        (2, 2, 1, 1.5, {**rest, "notes": {}, "series": {}}),
        (3, 4, 4, 0.1, {**rest, "monte_carlo_error": 0.01, "notes": {"bins": 15}, "series": {"x": [1, None]}}),
    ]
    for question, a, b, value, more in cells:
        run(
            url,
            "insert into cells (question_id, a_id, b_id, value, low, high, n, rest, replicates, why, sentence) values "
            "(:question, :a, :b, :value, :low, :high, :n, cast(:rest as jsonb), :replicates, :why, :sentence)",
            question=question,
            a=a,
            b=b,
            value=value,
            low=None if value is None else value - 0.1,
            high=None if value is None else value + 0.1,
            n=0 if value is None else 200,
            rest=json.dumps(more),
            replicates=None if value is None else np.array([value - 0.01, value, value + 0.01]).tobytes(),
            why="not-applicable" if value is None else None,
            sentence="Not comparable." if value is None else "",
        )
    for kind, payload in JOBS:
        run(
            url,
            "insert into jobs (kind, payload) values (:kind, cast(:payload as jsonb))",
            kind=kind,
            payload=json.dumps(payload),
        )


JOBS: list[tuple[str, dict[str, object]]] = [
    ("inspect", {"checkpoint": 4}),
    ("inspect", {"probe": 1}),
    ("inspect", {"probe": 1, "builtin": "digits"}),
    ("model", {"checkpoint": 1, "questions": [3]}),
    ("tile", {"work": [{"question": 1, "pairs": [[1, 4], [2, 4]]}]}),
    ("order", {"comparison": 1}),
]


def test_a_filled_database_keeps_every_number_up_and_down(database: str) -> None:
    migrate(database, to="base")
    migrate(database, to="0002")
    fill(database)
    select = "select question_id, a_id, b_id, value, low, high, n, rest, why, sentence from cells order by 1, 2, 3"
    before = run(database, select)
    replicates = "select replicates from cells order by question_id, a_id, b_id"
    packed = [row[0] for row in run(database, replicates)]
    migrate(database)
    engine = create_engine(database)
    with Session(engine) as session:
        found = matrices.cells(session, 1, [1, 2, 3, 4], with_replicates=True)
        index = found.index([1, 2, 3])
        assert found.values[index[0, 1:]].tolist() == [0.25, 0.5]
        assert found.chance[index[0, 1]] == 0.9
        assert found.replicates[index[0, 1]] == pytest.approx([0.24, 0.25, 0.26], abs=1e-9)
        assert found.cell(int(index[1, 2])) == Reason(why=Why.NOT_APPLICABLE, sentence="Not comparable.")
        directed = matrices.cells(session, 2, [1, 2])
        assert directed.values[directed.index([1, 2])[[0, 1], [1, 0]]].tolist() == [0.75, 1.5]
        single = matrices.cells_of_models(session, 3, [4])[4]
        assert isinstance(single, Estimate)
        assert (single.series, single.notes, single.monte_carlo_error) == ({"x": (1, None)}, {"bins": 15}, 0.01)
        work = [row.job for row in session.scalars(sa.select(JobRow).order_by(JobRow.id))]
        assert work == [
            InspectCheckpoint(checkpoint=4),
            InspectProbe(probe=1),
            AddBuiltin(probe=1),
            ModelJob(checkpoint=1, questions=[3]),
            Tile(parts=[TilePart(question=1, rows=[4], members=[1, 2, 4])]),
            Summarise(comparison=1),
        ]
        a, b = matrices.missing(session, 1, np.array([1, 1, 2, 3]), np.array([2, 3, 3, 4]))
        assert list(zip(a.tolist(), b.tolist(), strict=True)) == [(3, 4)]
    engine.dispose()
    migrate(database, to="0002")
    assert run(database, select) == before
    for old, (new,) in zip(packed, run(database, replicates), strict=True):
        assert np.allclose(np.frombuffer(old or b""), np.frombuffer(new or b""), atol=1e-9)
    assert [(r.kind, r.payload) for r in run(database, "select kind, payload from jobs order by id")] == [
        *JOBS[:4],
        ("tile", {"work": [{"question": 1, "pairs": [[1, 4], [2, 4]]}]}),
        JOBS[5],
    ]
    migrate(database)


def test_equal_weights_have_one_checkpoint_again_on_the_way_back(database: str) -> None:
    migrate(database, to="base")
    migrate(database)
    run(
        database,
        "insert into projects (name) values ('twins')",
        "insert into checkpoints (project_id, name, state, content_hash, architecture_hash) "
        "select 1, 'n' || i, 'ready', 'same', case when i < 4 then 'net' else '' end from generate_series(1, 5) i",
    )
    migrate(database, to="0004")
    states = [tuple(row) for row in run(database, "select name, state from checkpoints order by id")]
    assert states == [("n1", "ready"), ("n2", "refused"), ("n3", "refused"), ("n4", "ready"), ("n5", "refused")]
    migrate(database)
    assert len(run(database, "select id from checkpoints")) == 5
    migrate(database, to="base")
    migrate(database)


def test_cards_of_another_wording_wait_for_a_worker(database: str) -> None:
    migrate(database)
    migrate(database, to="0003")
    run(database, """insert into cards values ('disagreement', '{"question": "Do they answer alike?"}')""")
    migrate(database)
    assert run(database, "select slug from cards") == []


def test_programs_refuse_a_database_at_another_migration(database: str) -> None:
    migrate(database)
    Database(database).check_schema(head())
    with pytest.raises(Unavailable, match="run `kinscape migrate`"):
        Database(database).check_schema("something newer")


def test_every_revision_has_a_way_back() -> None:
    for file in Path("migrations/versions").glob("*.py"):
        assert re.search(r"op\.(drop_|execute\()", file.read_text().split("def downgrade")[1])


def test_a_plan_before_any_worker_has_started_says_so(database: str) -> None:
    migrate(database, to="0003")
    migrate(database)
    engine = create_engine(database)
    request = ComparisonCreate(checkpoints=[1, 2], probe=1, measures=["disagreement"])
    with Session(engine) as session, pytest.raises(Unavailable, match="No worker has offered its measures yet"):
        plans._measures(session, 1, request)
    engine.dispose()


def test_what_was_deleted_is_gone_on_the_way_back_and_the_rest_keeps_its_name(database: str) -> None:
    migrate(database, to="base")
    migrate(database)
    run(
        database,
        "insert into projects (name) values ('kept')",
        "insert into comparisons (project_id, name, specification, specification_hash, state, notes, deleted) values "
        "(1, 'stays', '{}', 'a', 'done', 'noted', null), (1, 'goes', '{}', 'b', 'done', '', now())",
    )
    migrate(database, to="0005")
    assert [tuple(row) for row in run(database, "select name from comparisons")] == [("stays",)]
    migrate(database)
    assert [tuple(r) for r in run(database, "select name, notes, deleted from comparisons")] == [("stays", "", None)]
    migrate(database, to="base")


def test_a_link_that_hid_names_opens_nothing_on_the_way_back(database: str) -> None:
    migrate(database, to="base")
    migrate(database)
    run(
        database,
        "insert into projects (name) values ('masked')",
        "insert into comparisons (project_id, name, specification, specification_hash, state) "
        "values (1, '', '{}', 'a', 'done')",
        "insert into shares (comparison_id, token_hash, view, expires, may_export, masked, results_version) values "
        "(1, 'x', '', now(), false, true, 1), (1, 'y', '', now(), false, false, 1)",
    )
    migrate(database, to="0006")
    assert [tuple(r) for r in run(database, "select revoked is null from shares order by id")] == [(False,), (True,)]
    migrate(database)
    assert [tuple(r) for r in run(database, "select masked from shares order by id")] == [(False,), (False,)]
    migrate(database, to="base")


def test_a_study_is_lost_on_the_way_back_and_its_comparison_stays(database: str) -> None:
    migrate(database, to="base")
    migrate(database)
    run(
        database,
        "insert into projects (name) values ('studied')",
        "insert into comparisons (project_id, name, specification, specification_hash, state) "
        "values (1, 'numbers', '{}', 'a', 'done')",
        "insert into studies (project_id, name, specification, comparison_id) values (1, 'question', '{}', 1)",
    )
    migrate(database, to="0007")
    assert [tuple(r) for r in run(database, "select name from comparisons")] == [("numbers",)]
    migrate(database)
    assert run(database, "select name from studies") == []
    migrate(database, to="base")


def test_what_can_be_restored_is_gone_on_the_way_back_and_names_are_unique_again(database: str) -> None:
    migrate(database, to="base")
    migrate(database)
    run(
        database,
        "insert into projects (name, deleted) values ('twice', now()), ('twice', null)",
        "insert into checkpoints (project_id, name, state, deleted) values "
        "(2, 'net', 'ready', now()), (2, 'net', 'ready', null), (1, 'other', 'ready', now())",
        "insert into probes (project_id, name, role, state, deleted) values "
        "(2, 'p', 'train', 'ready', null), (2, 'p', 'train', 'ready', now())",
    )
    with pytest.raises(IntegrityError):
        run(database, "insert into projects (name) values ('twice')")
    migrate(database, to="0010")
    for table, kept in {"projects": (2,), "checkpoints": (2,), "probes": (1,)}.items():
        assert [tuple(r) for r in run(database, f"select id from {table}")] == [kept]
    with pytest.raises(IntegrityError):
        run(database, "insert into projects (name) values ('twice')")
    migrate(database)
    assert [tuple(r) for r in run(database, "select deleted from checkpoints")] == [(None,)]
    migrate(database, to="base")
