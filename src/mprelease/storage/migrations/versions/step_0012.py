"""The version of Node that a release was built with."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add a column that older nodes can ignore."""
    op.add_column("releases", sa.Column("node_version", sa.String(32)))
