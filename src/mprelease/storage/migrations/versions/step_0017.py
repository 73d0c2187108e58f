"""Robots of apps and releases, trial versions, and the app of an audit entry."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EXACT = mysql.VARCHAR(191, collation="utf8mb4_bin")
_KEY = sa.String(191).with_variant(_EXACT, "mysql", "mariadb")


def upgrade() -> None:
    """Add a table, columns and indexes that older nodes can ignore."""
    op.add_column("apps", sa.Column("robot_names", sa.JSON()))
    op.add_column("apps", sa.Column("robot_rules", sa.JSON()))
    op.add_column("releases", sa.Column("robot_reason", sa.JSON()))
    for columns in (["app_id", "robot", "id"], ["app_id", "robot", "kind", "state", "id"]):
        op.create_index(f"ix_releases_{'_'.join(columns)}", "releases", columns)
    op.add_column("audit", sa.Column("app_id", _ID))
    op.create_index("ix_audit_app_id_id", "audit", ["app_id", "id"])
    # Earlier entries whose subject is an app; those of single releases are found in the audit.
    op.execute(
        "UPDATE audit SET app_id = subject_id WHERE subject_id IS NOT NULL AND"
        " (action LIKE 'app.%' OR action IN ('release.preview', 'release.upload'))"
    )
    op.create_table(
        "trials",
        sa.Column("platform", sa.String(16), nullable=False),
        sa.Column("platform_app_id", _KEY, nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(64)),
        sa.Column("marked_by", _KEY),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "platform_app_id", name=op.f("pk_trials")),
    )
