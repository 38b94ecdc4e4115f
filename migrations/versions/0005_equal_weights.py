"""checkpoints of one project may have equal weights: two runs share their start.

Revision: 0005
Before: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

CONTENT = ["project_id", "content_hash", "architecture_hash"]


def upgrade() -> None:
    op.drop_index("uq_checkpoints_content", table_name="checkpoints", postgresql_where=sa.text("state = 'ready'"))
    op.create_index("ix_checkpoints_content", "checkpoints", CONTENT)


def downgrade() -> None:
    op.drop_index("ix_checkpoints_content", table_name="checkpoints")
    # Before, the first of equal ones was taken and the others were refused.
    op.execute(
        """
        UPDATE checkpoints SET state = 'refused', reason = 'These weights are already here.'
        WHERE state = 'ready' AND EXISTS (
            SELECT 1 FROM checkpoints AS first
            WHERE first.state = 'ready' AND first.id < checkpoints.id AND first.project_id = checkpoints.project_id
            AND first.content_hash = checkpoints.content_hash
            AND first.architecture_hash = checkpoints.architecture_hash
        )
        """
    )
    op.create_index(
        "uq_checkpoints_content", "checkpoints", CONTENT, unique=True, postgresql_where=sa.text("state = 'ready'")
    )
