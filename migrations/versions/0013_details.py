"""comparisons that were asked on the page of another one.

Revision: 0013
Before: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("comparisons", sa.Column("detail_of_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_comparisons_detail_of_id",
        "comparisons",
        "comparisons",
        ["detail_of_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index("ix_comparisons_detail_of_id", "comparisons", ["detail_of_id"])


def downgrade() -> None:
    op.drop_index("ix_comparisons_detail_of_id", "comparisons")
    op.drop_constraint("fk_comparisons_detail_of_id", "comparisons", type_="foreignkey")
    op.drop_column("comparisons", "detail_of_id")
