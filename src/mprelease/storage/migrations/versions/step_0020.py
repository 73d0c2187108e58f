"""The apps that users have at the top of the home page."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table that older nodes do not know."""
    op.create_table(
        "favourites",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("app_id", _ID, nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [f"{owner}_id"],
                [f"{owner}s.id"],
                name=op.f(f"fk_favourites_{owner}_id"),
                ondelete="CASCADE",
            )
            for owner in ("user", "app")
        ),
        sa.PrimaryKeyConstraint("user_id", "app_id", name=op.f("pk_favourites")),
    )
