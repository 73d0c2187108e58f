"""Indexes for lists of releases with a filter."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add indexes that older nodes can ignore."""
    for column in ("state", "requested_by"):
        op.create_index(f"ix_releases_{column}_id", "releases", [column, "id"])
