"""Revisions of apps and projects, and the branch or tag of a release's commit."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add columns that older nodes can ignore."""
    for table in ("apps", "projects"):
        op.add_column(
            table, sa.Column("revision", sa.Integer(), nullable=False, server_default="0")
        )
    op.add_column("releases", sa.Column("ref_name", sa.Text()))
