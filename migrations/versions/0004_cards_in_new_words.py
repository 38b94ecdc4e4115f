"""cards have a topic instead of a question: workers publish theirs again when they start.

Revision: 0004
Before: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("DELETE FROM cards")


def downgrade() -> None:
    op.execute("DELETE FROM cards")
