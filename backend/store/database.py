"""Connections, transactions, and what is sent after a commit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from kinscape.backend.contracts.jobs import JobKind
from kinscape.backend.contracts.problems import Unavailable

Wake = Callable[[Sequence[tuple[int, JobKind]]], None]
OUTBOX = "jobs to wake after the commit"


class Database:
    """An engine, and what happens after its transactions commit."""

    def __init__(self, url: str, *, wake: Wake | None = None, pool_size: int = 10) -> None:
        self.engine: Engine = create_engine(url, pool_pre_ping=True, pool_size=pool_size, max_overflow=10)
        self._wake = wake

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: commits at the end, then wakes workers for the jobs it queued."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.commit()
            queued: list[tuple[int, JobKind]] = session.info.pop(OUTBOX, [])
        if queued and self._wake is not None:
            self._wake(queued)

    def check_schema(self, head: str) -> None:
        """Refuse to run on a database that is not at the expected migration."""
        with self.engine.connect() as connection:
            found = connection.scalar(text("select to_regclass('alembic_version')"))
            version = connection.scalar(text("select version_num from alembic_version")) if found else None
        if version != head:
            raise Unavailable(
                f"The database is at migration {version or 'none'}, this program needs {head}: run `kinscape migrate`."
            )

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def queue_after_commit(session: Session, job: int, kind: JobKind) -> None:
    """Wake a worker for this job once the transaction is committed."""
    session.info.setdefault(OUTBOX, []).append((job, kind))
