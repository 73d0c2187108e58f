"""Whether a release's version was generated, and so may still be replaced by a greater one."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add a column that older nodes can ignore."""
    column = sa.Column(
        "version_is_automatic", sa.Boolean, nullable=False, server_default=sa.false()
    )
    op.add_column("releases", column)
