"""comparisons have notes, and can be deleted and restored.

Revision: 0006
Before: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("comparisons", sa.Column("notes", sa.String(), nullable=False, server_default=""))
    op.add_column("comparisons", sa.Column("deleted", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_comparisons_deleted", "comparisons", ["deleted"])


def downgrade() -> None:
    # Before, there was nothing between here and gone; what was deleted is gone then.
    op.execute("DELETE FROM comparisons WHERE deleted IS NOT NULL")
    op.drop_index("ix_comparisons_deleted", table_name="comparisons")
    op.drop_column("comparisons", "deleted")
    op.drop_column("comparisons", "notes")
