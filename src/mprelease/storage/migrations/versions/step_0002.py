"""Several workers: their table, labels and priorities of releases, and queries to workers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EXACT = mysql.VARCHAR(191, collation="utf8mb4_bin")
_KEY = sa.String(191).with_variant(_EXACT, "mysql", "mariadb")


def upgrade() -> None:
    """Add columns that older nodes can ignore, and two tables."""
    op.add_column("apps", sa.Column("label", _KEY, nullable=False, server_default="default"))
    op.add_column("releases", sa.Column("due", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("releases", sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        op.f("ix_releases_state_label_due_id"), "releases", ["state", "label", "due", "id"]
    )
    op.drop_index(op.f("ix_releases_state_label_priority_id"), "releases")
    op.create_table(
        "workers",
        sa.Column("name", _KEY, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "errands",
        sa.Column("id", _ID, nullable=False),
        sa.Column("label", _KEY, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", _KEY, nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("answered_at", sa.BigInteger()),
        sa.Column("answer", sa.JSON()),
        sa.Column("error", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errands")),
    )
    op.create_index(op.f("ix_errands_answered_at_label"), "errands", ["answered_at", "label"])
    op.create_index(
        op.f("ix_errands_kind_subject_answered_at"), "errands", ["kind", "subject", "answered_at"]
    )
