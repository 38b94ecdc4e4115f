"""a question may read two probe sets and name reference checkpoints; comparisons have summaries.

Revision: 0002
Before: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("questions", sa.Column("train_probe_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_questions_train_probe_id"), "questions", "probes", ["train_probe_id"], ["id"], ondelete="CASCADE"
    )
    op.create_index(op.f("ix_questions_train_probe_id"), "questions", ["train_probe_id"])
    op.add_column(
        "questions",
        sa.Column(
            "reference_ids",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
    )
    op.create_table(
        "summaries",
        sa.Column("comparison_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=op.f("fk_summaries_comparison_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("comparison_id", "kind", name=op.f("pk_summaries")),
    )


def downgrade() -> None:
    op.drop_table("summaries")
    # What an older version cannot ask, it must not find among its answers.
    op.execute("DELETE FROM questions WHERE train_probe_id IS NOT NULL OR reference_ids <> '[]'::jsonb")
    op.drop_column("questions", "reference_ids")
    op.drop_index(op.f("ix_questions_train_probe_id"), table_name="questions")
    op.drop_constraint(op.f("fk_questions_train_probe_id"), "questions", type_="foreignkey")
    op.drop_column("questions", "train_probe_id")
