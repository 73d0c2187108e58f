"""Whether a release's version was chosen by a person or may still become a greater one."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add a column that older nodes need not know."""
    column = sa.Column(
        "version_is_automatic", sa.Boolean, nullable=False, server_default=sa.false()
    )
    op.add_column("releases", column)
