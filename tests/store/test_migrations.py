"""The database's history: up, down, up again, and no drift from the tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text

from backend.contracts.problems import Unavailable
from backend.store.database import Database
from kinscape.local import programs
from migrations.moving import _config, head, migrate
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
    assert "cells" in tables(database)
    command.check(_config(database))
    migrate(database, to="base")
    assert tables(database) == set()
    migrate(database)
    assert "cells" in tables(database)


def test_programs_refuse_a_database_at_another_migration(database: str) -> None:
    migrate(database)
    Database(database).check_schema(head())
    with pytest.raises(Unavailable, match="run `kinscape migrate`"):
        Database(database).check_schema("something newer")


def test_every_revision_has_a_way_back() -> None:
    for file in Path("migrations/versions").glob("*.py"):
        assert "op.drop_" in file.read_text().split("def downgrade")[1]
