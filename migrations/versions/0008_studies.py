"""studies: roles, what was frozen, and the comparison that answers.

Revision: 0008
Before: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False, server_default=""),
        sa.Column("notes", sa.String(), nullable=False, server_default=""),
        sa.Column("specification", JSONB(), nullable=False),
        sa.Column("registration", JSONB(), nullable=True),
        sa.Column("changes", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("comparison_id", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_studies_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name="fk_studies_comparison_id", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_studies_project_id", "studies", ["project_id"])
    op.create_index("ix_studies_comparison_id", "studies", ["comparison_id"])


def downgrade() -> None:
    # Their comparisons stay; the roles and what was frozen are lost.
    op.drop_table("studies")
