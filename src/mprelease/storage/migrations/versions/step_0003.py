"""Users, their logins, and tokens of programs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EXACT = mysql.VARCHAR(191, collation="utf8mb4_bin")
_KEY = sa.String(191).with_variant(_EXACT, "mysql", "mariadb")


def upgrade() -> None:
    """Add two tables, and columns that older nodes can ignore."""
    op.add_column("releases", sa.Column("deleted_at", sa.BigInteger()))
    op.add_column("qr_codes", sa.Column("app_id", _ID))
    op.add_column("qr_codes", sa.Column("kind", sa.String(16)))
    for name in ("app_id", "kind"):
        op.execute(
            f"UPDATE qr_codes SET {name} ="  # noqa: S608 constants only
            f" (SELECT {name} FROM releases WHERE releases.id = qr_codes.release_id)"
        )
    op.create_index(
        op.f("ix_qr_codes_app_id_kind_release_id"), "qr_codes", ["app_id", "kind", "release_id"]
    )
    op.create_table(
        "users",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", _KEY, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("robot", sa.Integer()),
        sa.Column("language", sa.String(16)),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "keys",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", _KEY, nullable=False),
        sa.Column("digest", _KEY, nullable=False),
        sa.Column("csrf", _KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_keys_digest")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_keys_user_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_keys_user_id"), "keys", ["user_id"])
