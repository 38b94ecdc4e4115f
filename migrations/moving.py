"""Move a database to a migration."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
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


def migrate(url: str, *, to: str = "head") -> None:
    """Bring a database to a migration, one program at a time."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": LOCK})
            connection.commit()
            config = _config(url)
            config.attributes["connection"] = connection
            if to in ("head", "+1") or not to.startswith(("-", "base")):
                command.upgrade(config, to)
            else:
                command.downgrade(config, to)
            connection.commit()
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": LOCK})
            connection.commit()
    finally:
        engine.dispose()
