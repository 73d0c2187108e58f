"""Compile settings of releases, shared QR codes, and avatars."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
_EXACT = mysql.VARCHAR(191, collation="utf8mb4_bin")
_KEY = sa.String(191).with_variant(_EXACT, "mysql", "mariadb")


def upgrade() -> None:
    """Add two tables, and columns that older nodes can ignore."""
    op.add_column("releases", sa.Column("settings", sa.JSON()))
    op.add_column("users", sa.Column("avatar_at", sa.BigInteger()))
    op.create_table(
        "shares",
        sa.Column("release_id", _ID, autoincrement=False, nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("release_id", name=op.f("pk_shares")),
        sa.UniqueConstraint("key", name=op.f("uq_shares_key")),
        sa.ForeignKeyConstraint(
            ["release_id"], ["releases.id"], name=op.f("fk_shares_release_id"), ondelete="CASCADE"
        ),
    )
    op.create_table(
        "avatars",
        sa.Column("user_id", _ID, autoincrement=False, nullable=False),
        sa.Column("image", _BLOB, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_avatars")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_avatars_user_id"), ondelete="CASCADE"
        ),
    )
