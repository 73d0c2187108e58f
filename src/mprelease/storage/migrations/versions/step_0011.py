"""Revisions of users."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add a column that older nodes can ignore."""
    op.add_column("users", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
