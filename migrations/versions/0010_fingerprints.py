"""hashes and sketches of tensors, so that equal ones are seen.

Revision: 0010
Before: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("checkpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name="fk_fingerprints_checkpoint_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", name="pk_fingerprints"),
    )


def downgrade() -> None:
    op.execute("delete from jobs where kind = 'fingerprint'")
    op.drop_table("fingerprints")
