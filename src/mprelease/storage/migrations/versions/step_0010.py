"""Tables and columns get the names that the code, the API and the pages use.

Older nodes cannot use the new names, so none may be running: see migrate.py. Each statement skips
what an earlier run that was killed has done.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EXACT = mysql.VARCHAR(191, collation="utf8mb4_bin")
_KEY = sa.String(191).with_variant(_EXACT, "mysql", "mariadb")


def upgrade() -> None:
    """Rename columns, move logins and tokens, and create an empty table of worker queries."""
    _rename("audit", "deed", "action")
    _rename("releases", "page", "start_page")
    _rename("releases", "settings", "compile_settings")
    _rename("apps", "default_page", "start_page")
    _make_worker_queries()
    # Pending queries are not moved: pages repeat them.
    _drop("errands")
    _make_access_keys()
    _move_keys()
    _drop("keys")


def _rename(table: str, old: str, new: str) -> None:
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
    if new not in columns:
        # Valid for SQLite >= 3.25, MariaDB >= 10.5.2, MySQL >= 8.0 and PostgreSQL.
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def _has(table: str) -> bool:
    return sa.inspect(op.get_bind()).has_table(table)


def _drop(table: str) -> None:
    if _has(table):
        op.drop_table(table)


def _make_worker_queries() -> None:
    op.create_table(
        "worker_queries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("label", _KEY, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", _KEY, nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("answered_at", sa.BigInteger()),
        sa.Column("answer", sa.JSON()),
        sa.Column("error", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_queries")),
    )
    for columns in (["answered_at", "label"], ["kind", "subject", "answered_at"]):
        name = op.f(f"ix_worker_queries_{'_'.join(columns)}")
        op.create_index(name, "worker_queries", columns)


def _make_access_keys() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", _KEY, nullable=False),
        sa.Column("digest", _KEY, nullable=False),
        sa.Column("csrf", _KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_access_keys_digest")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_access_keys_user_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_access_keys_user_id"), "access_keys", ["user_id"])


def _move_keys() -> None:
    if not _has("keys"):
        return
    names = (
        "id",
        "user_id",
        "kind",
        "name",
        "digest",
        "csrf",
        "created_at",
        "expires_at",
        "used_at",
    )
    former, new = (sa.table(name, *map(sa.column, names)) for name in ("keys", "access_keys"))
    missing = sa.select(former).where(former.c.id.not_in(sa.select(new.c.id)))
    op.execute(new.insert().from_select(names, missing))
    if op.get_bind().dialect.name == "postgresql":
        # Rows with explicit ids do not advance the sequence.
        op.execute(
            "SELECT setval(pg_get_serial_sequence('access_keys', 'id'),"
            " (SELECT COALESCE(MAX(id), 0) + 1 FROM access_keys), false)"
        )
