"""The tables, with types that hold on SQLite, MySQL/MariaDB and PostgreSQL."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects.mysql import LONGBLOB

from mprelease.storage.text import StorableJson as Json
from mprelease.storage.text import StorableKey
from mprelease.storage.text import StorableString as String
from mprelease.storage.text import StorableText as Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only for its own INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
Blob = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
Key = StorableKey()


def _timestamp(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, BigInteger, nullable=nullable)


projects = Table(
    "projects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Key, nullable=False, unique=True),
    Column("repository", Text, nullable=False),
    Column("default_branch", Key, nullable=False),
    _timestamp("created_at", nullable=False),
    # Counts changes: who has seen an older one writes nothing.
    Column("revision", Integer, nullable=False, server_default="0"),
)

# A removed app keeps its row, because its releases name it; without a name_key it is found no more.
apps = Table(
    "apps",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Id, ForeignKey("projects.id", ondelete="SET NULL"), index=True),
    Column("name", Key, nullable=False),
    Column("name_key", Key, unique=True),
    Column("platform", String(16), nullable=False),
    Column("platform_app_id", Key, nullable=False),
    Column("project_type", String(32), nullable=False),
    Column("build", Json, nullable=False),
    Column("robot", Integer, nullable=False),
    Column("start_page", Text),
    Column("proxy", Text),
    Column("label", Key, nullable=False, server_default="default"),
    _timestamp("created_at", nullable=False),
    _timestamp("removed_at"),
    Column("revision", Integer, nullable=False, server_default="0"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner", Key, nullable=False),
    Column("name", Key, nullable=False),
    Column("sealed", Blob, nullable=False),
    _timestamp("created_at", nullable=False),
    # To which scheme, host and port it may be sent; None for one that is bound to none.
    Column("bound_to", Text),
    UniqueConstraint("owner", "name"),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Id, primary_key=True),
    Column("app_id", Id, ForeignKey("apps.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("ref", Text, nullable=False),
    Column("environment", String(16), nullable=False),
    Column("robot", Integer, nullable=False),
    Column("version", String(64)),
    Column("version_is_automatic", Boolean, nullable=False, server_default=false()),
    Column("description", Text, nullable=False),
    Column("start_page", Text),
    Column("query", Text),
    Column("scene", Integer),
    Column("requested_by", Key, nullable=False),
    Column("idempotency_key", Key, unique=True),
    _timestamp("created_at", nullable=False),
    _timestamp("started_at"),
    _timestamp("ended_at"),
    Column("commit", Json),
    Column("sizes", Json),
    Column("error", Json),
    Column("failed_stage", String(16)),
    Column("warnings", Json, nullable=False),
    Column("compile_settings", Json),
    # Who may run it, who runs it, and until when: see engine/.
    Column("label", Key, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("due", BigInteger, nullable=False, server_default="0"),
    Column("serial_key", Key, nullable=False),
    Column("running_key", Key, unique=True),
    Column("attempt", Integer, nullable=False),
    Column("deaths", Integer, nullable=False, server_default="0"),
    Column("lease_token", Key),
    _timestamp("lease_until"),
    Column("worker_id", Key),
    Column("cancel_requested", Boolean, nullable=False),
    Column("publish_state", String(16), nullable=False),
    # A deleted release is shown no more; its row keeps the version number that the platform has.
    _timestamp("deleted_at"),
    # The branch or tag that `ref`, a commit, was taken from; None where `ref` was asked for.
    Column("ref_name", Text),
    Index(None, "state", "label", "due", "id"),
    Index(None, "app_id", "id"),
)

stages = Table(
    "stages",
    metadata,
    Column("release_id", Id, ForeignKey("releases.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(16), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    _timestamp("started_at"),
    _timestamp("ended_at"),
    Column("cached", Boolean, nullable=False),
)

qr_codes = Table(
    "qr_codes",
    metadata,
    Column(
        "release_id",
        Id,
        ForeignKey("releases.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("image", Blob, nullable=False),
    Column("media_type", String(64), nullable=False),
    _timestamp("made_at", nullable=False),
    # Whose it is stands here once more, so that the newest of each app is found at once.
    Column("app_id", Id),
    Column("kind", String(16)),
    Index(None, "app_id", "kind", "release_id"),
)

# Who knows the key sees the QR code without a login, for as long as the row stands.
shares = Table(
    "shares",
    metadata,
    Column(
        "release_id",
        Id,
        ForeignKey("releases.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("key", Key, nullable=False, unique=True),
    _timestamp("created_at", nullable=False),
)

log_chunks = Table(
    "log_chunks",
    metadata,
    Column("release_id", Id, ForeignKey("releases.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("first_line", Integer, primary_key=True, autoincrement=False),
    Column("last_line", Integer, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("body", Blob, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("name", Key, primary_key=True),
    Column("labels", Json, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("version", String(64), nullable=False),
    _timestamp("started_at", nullable=False),
    _timestamp("seen_at", nullable=False),
    Column("draining", Boolean, nullable=False),
    # A SandboxMode; None for a worker of an older version.
    Column("sandbox", String(16)),
    # How often one of its loops has failed; None for a worker of an older version.
    Column("loop_failures", Integer),
)

# Questions that only a worker can answer: see engine/worker_queries.py.
worker_queries = Table(
    "worker_queries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("label", Key, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", Key, nullable=False),
    Column("arguments", Json, nullable=False),
    _timestamp("asked_at", nullable=False),
    Column("attempt", Integer, nullable=False),
    _timestamp("lease_until"),
    _timestamp("answered_at"),
    Column("answer", Json),
    Column("error", Json),
    Index(None, "answered_at", "label"),
    Index(None, "kind", "subject", "answered_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    _timestamp("at", nullable=False),
    Column("who", Key, nullable=False),
    Column("action", Key, nullable=False),
    Column("subject", Key, nullable=False),
    Column("details", Json, nullable=False),
    # Names change, and are given anew; a number stays. None for who has no login, or no number.
    Column("who_id", Id),
    Column("subject_id", Id),
)

# A deleted user's row is gone; the name stays on releases and in the audit.
users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Key, nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False),
    Column("robot", Integer),
    Column("language", String(16)),
    Column("disabled", Boolean, nullable=False),
    _timestamp("created_at", nullable=False),
    _timestamp("seen_at"),
    # When its picture was changed, None for nobody's.
    _timestamp("avatar_at"),
)

# Every name that somebody has or had, by what makes two of them look the same: it stays theirs.
user_names = Table(
    "user_names",
    metadata,
    Column("name_key", Key, primary_key=True),
    # None for one who was removed before numbers were kept.
    Column("user_id", Id),
)

avatars = Table(
    "avatars",
    metadata,
    Column(
        "user_id",
        Id,
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("image", Blob, nullable=False),
)

# A login of a browser or a personal token of a program: of its secret only the digest is here.
access_keys = Table(
    "access_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("name", Key, nullable=False),
    Column("digest", Key, nullable=False, unique=True),
    Column("csrf", Key, nullable=False),
    _timestamp("created_at", nullable=False),
    _timestamp("expires_at", nullable=False),
    _timestamp("used_at"),
)
