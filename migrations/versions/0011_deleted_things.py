"""projects, checkpoints and probe sets can be deleted and restored, as comparisons can.

Revision: 0011
Before: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# What nobody else of its kind may be called, while it is there.
NAMES = {"projects": ["name"], "checkpoints": ["project_id", "name"], "probes": ["project_id", "name"]}


def upgrade() -> None:
    for table, columns in NAMES.items():
        op.add_column(table, sa.Column("deleted", sa.DateTime(timezone=True), nullable=True))
        op.create_index(f"ix_{table}_deleted", table, ["deleted"])
        op.drop_constraint(f"uq_{table}_{columns[0]}", table, type_="unique")
        there = sa.text("deleted is null")
        op.create_index(f"uq_{table}_{columns[0]}", table, columns, unique=True, postgresql_where=there)


def downgrade() -> None:
    # Before, there was nothing between here and gone.
    for table, columns in NAMES.items():
        op.execute(f"delete from {table} where deleted is not null")  # noqa: S608  (names of this file)
        op.drop_index(f"uq_{table}_{columns[0]}", table_name=table)
        op.create_unique_constraint(f"uq_{table}_{columns[0]}", table, columns)
        op.drop_index(f"ix_{table}_deleted", table_name=table)
        op.drop_column(table, "deleted")
