"""The sandbox mode of each worker."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a column that older nodes can ignore."""
    op.add_column("workers", sa.Column("sandbox", sa.String(16)))
