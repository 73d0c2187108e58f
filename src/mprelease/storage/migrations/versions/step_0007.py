"""How often each worker's loops have failed of something unforeseen."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add a column that older nodes need not know."""
    op.add_column("workers", sa.Column("loop_failures", sa.Integer))
