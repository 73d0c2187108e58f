"""Budgets of package sizes."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add a column that older nodes can ignore."""
    op.add_column("apps", sa.Column("size_budgets", sa.JSON()))
