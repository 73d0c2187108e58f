"""The apps that users have starred; an index on the releases of an app by their kind."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table and an index that older nodes can ignore."""
    op.create_table(
        "favourites",
        sa.Column(
            "user_id",
            _ID,
            sa.ForeignKey("users.id", ondelete="CASCADE", name="fk_favourites_user_id_users"),
            nullable=False,
            autoincrement=False,
        ),
        sa.Column(
            "app_id",
            _ID,
            sa.ForeignKey("apps.id", ondelete="CASCADE", name="fk_favourites_app_id_apps"),
            nullable=False,
            autoincrement=False,
        ),
        sa.PrimaryKeyConstraint("user_id", "app_id", name="pk_favourites"),
    )
    op.create_index("ix_releases_app_id_kind_id", "releases", ["app_id", "kind", "id"])
