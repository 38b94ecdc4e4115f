"""Move a database to a migration."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

LOCK = 5_201_963


def _config(url: str = "") -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("kinscape.migrations")))
    config.attributes["url"] = url
    return config


def head() -> str:
    """The newest migration."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise RuntimeError("there are no migrations")
    return found


def revisions() -> set[str]:
    """The numbers of all migrations that this program knows."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _is_before(target: str, current: str | None) -> bool:
    """Whether a migration lies before another; they are numbered."""
    return target == "base" or (target.isdecimal() and current is not None and target < current)


def migrate(url: str, *, to: str = "head") -> None:
    """Bring a database to a migration, one program at a time.

    Args:
        to: its number, ``head`` for the newest, or ``base`` for none.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": LOCK})
            connection.commit()
            config = _config(url)
            config.attributes["connection"] = connection
            if _is_before(to, MigrationContext.configure(connection).get_current_revision()):
                command.downgrade(config, to)
            else:
                command.upgrade(config, to)
            connection.commit()
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": LOCK})
            connection.commit()
    finally:
        engine.dispose()
