"""how long measures took here, so that plans learn.

Revision: 0009
Before: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "timings",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("work", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_timings"),
    )


def downgrade() -> None:
    op.drop_table("timings")
