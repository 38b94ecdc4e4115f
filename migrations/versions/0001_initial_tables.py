"""initial tables.

Revision: 0001
Before:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "architectures",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("card", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_architectures")),
    )
    op.create_table(
        "cards",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("card", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_cards")),
    )
    op.create_table(
        "jobs",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), server_default="queued", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(), server_default="", nullable=False),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        sa.Column("request", sa.String(), server_default="", nullable=False),
        sa.Column("sent", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "ix_jobs_open",
        "jobs",
        ["state", "lease_until"],
        unique=False,
        postgresql_where=sa.text("state in ('queued', 'running')"),
    )
    op.create_table(
        "projects",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("group_name", sa.String(), server_default="", nullable=False),
        sa.Column(
            "tags", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("init_of_id", sa.BigInteger(), nullable=True),
        sa.Column("teacher_id", sa.BigInteger(), nullable=True),
        sa.Column("root_id", sa.BigInteger(), nullable=True),
        sa.Column("run", sa.String(), server_default="", nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(), server_default="weights", nullable=False),
        sa.Column("architecture", sa.String(), nullable=True),
        sa.Column(
            "arguments", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("architecture_hash", sa.String(), server_default="", nullable=False),
        sa.Column("normalisation", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("class_order", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "metrics", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("upload_hash", sa.String(), nullable=True),
        sa.Column("file_hash", sa.String(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column(
            "found", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "layers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["init_of_id"], ["checkpoints.id"], name=op.f("fk_checkpoints_init_of_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["checkpoints.id"], name=op.f("fk_checkpoints_parent_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_checkpoints_project_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["root_id"], ["checkpoints.id"], name=op.f("fk_checkpoints_root_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["teacher_id"], ["checkpoints.id"], name=op.f("fk_checkpoints_teacher_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoints")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_checkpoints_project_id")),
    )
    op.create_index(op.f("ix_checkpoints_project_id"), "checkpoints", ["project_id"], unique=False)
    op.create_index(
        "uq_checkpoints_content",
        "checkpoints",
        ["project_id", "content_hash", "architecture_hash"],
        unique=True,
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "comparisons",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("specification", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("specification_hash", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cells_new", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cells_reused", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_comparisons_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparisons")),
        sa.UniqueConstraint("project_id", "specification_hash", name=op.f("uq_comparisons_project_id")),
    )
    op.create_index(op.f("ix_comparisons_project_id"), "comparisons", ["project_id"], unique=False)
    op.create_table(
        "probes",
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("normalisation", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("upload_hash", sa.String(), nullable=True),
        sa.Column("file_hash", sa.String(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column(
            "found", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_probes_project_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probes")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_probes_project_id")),
    )
    op.create_index(op.f("ix_probes_project_id"), "probes", ["project_id"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("project_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("description", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_id", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_uploads_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("token", name=op.f("uq_uploads_token")),
    )
    op.create_index(op.f("ix_uploads_project_id"), "uploads", ["project_id"], unique=False)
    op.create_table(
        "comparison_jobs",
        sa.Column("comparison_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=op.f("fk_comparison_jobs_comparison_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_comparison_jobs_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("comparison_id", "job_id", name=op.f("pk_comparison_jobs")),
    )
    op.create_index(op.f("ix_comparison_jobs_job_id"), "comparison_jobs", ["job_id"], unique=False)
    op.create_table(
        "questions",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("arity", sa.String(), nullable=False),
        sa.Column("input", sa.String(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("probe_id", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("layer_a", sa.String(), server_default="", nullable=False),
        sa.Column("layer_b", sa.String(), server_default="", nullable=False),
        sa.Column("reduction", sa.String(), server_default="", nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["probe_id"], ["probes.id"], name=op.f("fk_questions_probe_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        sa.UniqueConstraint("key", name=op.f("uq_questions_key")),
    )
    op.create_index(op.f("ix_questions_probe_id"), "questions", ["probe_id"], unique=False)
    op.create_table(
        "shares",
        sa.Column("comparison_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("view", sa.String(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used", sa.DateTime(timezone=True), nullable=True),
        sa.Column("may_export", sa.Boolean(), nullable=False),
        sa.Column("results_version", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=op.f("fk_shares_comparison_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_shares_token_hash")),
    )
    op.create_index(op.f("ix_shares_comparison_id"), "shares", ["comparison_id"], unique=False)
    op.create_table(
        "cells",
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("a_id", sa.BigInteger(), nullable=False),
        sa.Column("b_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("n", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "rest", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("replicates", sa.LargeBinary(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("sentence", sa.String(), server_default="", nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["a_id"], ["checkpoints.id"], name=op.f("fk_cells_a_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["b_id"], ["checkpoints.id"], name=op.f("fk_cells_b_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_cells_question_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("question_id", "a_id", "b_id", name=op.f("pk_cells")),
    )
    op.create_index(op.f("ix_cells_a_id"), "cells", ["a_id"], unique=False)
    op.create_index(op.f("ix_cells_b_id"), "cells", ["b_id"], unique=False)
    op.create_table(
        "comparison_questions",
        sa.Column("comparison_id", sa.BigInteger(), nullable=False),
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.id"],
            name=op.f("fk_comparison_questions_comparison_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_comparison_questions_question_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("comparison_id", "question_id", name=op.f("pk_comparison_questions")),
    )
    op.create_index(op.f("ix_comparison_questions_question_id"), "comparison_questions", ["question_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("comparison_id", sa.BigInteger(), nullable=False),
        sa.Column("question_id", sa.BigInteger(), nullable=False),
        sa.Column("positions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("merges", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "places", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=op.f("fk_orders_comparison_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_orders_question_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("comparison_id", "question_id", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_question_id"), "orders", ["question_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_orders_question_id"), table_name="orders")
    op.drop_table("orders")
    op.drop_index(op.f("ix_comparison_questions_question_id"), table_name="comparison_questions")
    op.drop_table("comparison_questions")
    op.drop_index(op.f("ix_cells_b_id"), table_name="cells")
    op.drop_index(op.f("ix_cells_a_id"), table_name="cells")
    op.drop_table("cells")
    op.drop_index(op.f("ix_shares_comparison_id"), table_name="shares")
    op.drop_table("shares")
    op.drop_index(op.f("ix_questions_probe_id"), table_name="questions")
    op.drop_table("questions")
    op.drop_index(op.f("ix_comparison_jobs_job_id"), table_name="comparison_jobs")
    op.drop_table("comparison_jobs")
    op.drop_index(op.f("ix_uploads_project_id"), table_name="uploads")
    op.drop_table("uploads")
    op.drop_index(op.f("ix_probes_project_id"), table_name="probes")
    op.drop_table("probes")
    op.drop_index(op.f("ix_comparisons_project_id"), table_name="comparisons")
    op.drop_table("comparisons")
    op.drop_index("uq_checkpoints_content", table_name="checkpoints", postgresql_where=sa.text("state = 'ready'"))
    op.drop_index(op.f("ix_checkpoints_project_id"), table_name="checkpoints")
    op.drop_table("checkpoints")
    op.drop_table("workers")
    op.drop_table("projects")
    op.drop_index("ix_jobs_open", table_name="jobs", postgresql_where=sa.text("state in ('queued', 'running')"))
    op.drop_table("jobs")
    op.drop_table("cards")
    op.drop_table("architectures")
