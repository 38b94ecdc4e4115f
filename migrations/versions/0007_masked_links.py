"""links can hide names.

Revision: 0007
Before: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("shares", sa.Column("masked", sa.Boolean(), nullable=False, server_default=sa.text("false")))


def downgrade() -> None:
    # Before, a link showed every name: one that was made to hide them opens nothing any longer.
    op.execute("UPDATE shares SET revoked = now() WHERE masked AND revoked IS NULL")
    op.drop_column("shares", "masked")
