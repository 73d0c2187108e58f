"""The number of unexpected failures of each worker's loops."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add a column that older nodes can ignore."""
    op.add_column("workers", sa.Column("loop_failures", sa.Integer))
