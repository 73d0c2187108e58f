"""Why a worker has no stronger sandbox."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add a column that older nodes can ignore."""
    op.add_column("workers", sa.Column("sandbox_reason", sa.Text()))
