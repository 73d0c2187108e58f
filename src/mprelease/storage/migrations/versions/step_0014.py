"""Which stored build output a release publishes, and whether to build it again."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add columns that older nodes can ignore."""
    op.add_column(
        "releases",
        sa.Column("build_anew", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("releases", sa.Column("artifact", sa.String(64)))
