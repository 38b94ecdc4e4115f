"""notes on projects, checkpoints and probe sets; who made a link, and how much it opens.

Revision: 0014
Before: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

NOTED = ("projects", "checkpoints", "probes")


def upgrade() -> None:
    for table in NOTED:
        op.add_column(table, sa.Column("notes", sa.String(), server_default="", nullable=False))
    op.add_column("shares", sa.Column("made_by", sa.String(), server_default="", nullable=False))
    op.add_column("shares", sa.Column("scope", sa.String(), server_default="whole", nullable=False))


def downgrade() -> None:
    op.drop_column("shares", "scope")
    op.drop_column("shares", "made_by")
    for table in reversed(NOTED):
        op.drop_column(table, "notes")
