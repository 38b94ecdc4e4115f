"""The web process begins when its database does."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from kinscape import serve
from kinscape.backend.settings import WebSettings


class Recovering:
    """A database that takes some tries to be there."""

    tries = 0
    needed = 3

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def check_schema(self, _head: str) -> None:
        Recovering.tries += 1
        if Recovering.tries < Recovering.needed:
            raise OperationalError("select 1", {}, Exception("the database system is starting up"))


def settings(folder: Path) -> WebSettings:
    return WebSettings(database_url="postgresql+psycopg:///x", broker_url="redis://x", files=folder)


def test_a_database_that_recovers_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serve, "Database", Recovering)
    serve.parts_from(settings(tmp_path))
    assert Recovering.tries == Recovering.needed


def test_one_that_never_comes_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serve, "Database", Recovering)
    monkeypatch.setattr(Recovering, "tries", 0)
    monkeypatch.setattr(Recovering, "needed", 10**9)
    monkeypatch.setattr(serve, "DATABASE_S", 0)
    with pytest.raises(OperationalError):
        serve.parts_from(settings(tmp_path))
