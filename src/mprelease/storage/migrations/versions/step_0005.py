"""Reserved names of users, ids in the audit log, and hosts to which secrets are bound."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from mprelease.domain.names import name_key

revision = "0005"
down_revision = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EXACT = mysql.VARCHAR(191, collation="utf8mb4_bin")
_KEY = sa.String(191).with_variant(_EXACT, "mysql", "mariadb")
_NAMES = sa.table("user_names", sa.column("name_key"), sa.column("user_id"))


def upgrade() -> None:
    """Add a table, and columns that older nodes can ignore."""
    op.add_column("secrets", sa.Column("bound_to", sa.Text()))
    op.add_column("audit", sa.Column("who_id", _ID))
    op.add_column("audit", sa.Column("subject_id", _ID))
    op.create_table(
        "user_names",
        sa.Column("name_key", _KEY, nullable=False),
        sa.Column("user_id", _ID),
        sa.PrimaryKeyConstraint("name_key", name=op.f("pk_user_names")),
    )
    known = set(op.get_bind().scalars(sa.select(_NAMES.c.name_key)))
    for name, user_id in _names():
        key = name_key(name)
        if key not in known:
            known.add(key)
            op.execute(_NAMES.insert().values(name_key=key, user_id=user_id))


def _names() -> Iterator[tuple[str, int | None]]:
    """Return names with user ids: present ones first, then former ones of the audit log."""
    users = sa.table("users", sa.column("id"), sa.column("name"))
    for row in op.get_bind().execute(sa.select(users.c.name, users.c.id).order_by(users.c.id)):
        yield row.name, row.id
    audit = sa.table("audit", sa.column("deed"), sa.column("subject"))
    about = ("user.remove", "user.edit", "user.profile")
    former = sa.select(audit.c.subject).where(audit.c.deed.in_(about)).distinct()
    for name in op.get_bind().scalars(former):
        yield name, None
