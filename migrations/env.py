"""What Alembic runs around every migration."""

from alembic import context
from sqlalchemy import create_engine

from kinscape.backend.store.tables import Base


def run() -> None:
    """Run the migrations on the connection that was handed over, or on the URL."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        url = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True)["url"]
        connection = create_engine(url).connect()
    context.configure(
        connection=connection, target_metadata=Base.metadata, compare_type=True, compare_server_default=True
    )
    with context.begin_transaction():
        context.run_migrations()


run()
