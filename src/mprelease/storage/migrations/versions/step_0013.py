"""Releases that are kept, and what workers report of their disks."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add columns that older nodes can ignore."""
    op.add_column(
        "releases",
        sa.Column("kept", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("workers", sa.Column("stores", sa.JSON()))
    op.add_column("workers", sa.Column("stores_at", sa.BigInteger()))
    op.add_column("workers", sa.Column("low_disk", sa.Boolean()))
    op.add_column("workers", sa.Column("cleanup_requested_at", sa.BigInteger()))
