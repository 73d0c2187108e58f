"""The tables, with types for SQLite, MySQL/MariaDB and PostgreSQL; times are in ms (Unix)."""

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

from mprelease.storage.storable_text import StorableJson as Json
from mprelease.storage.storable_text import StorableKey
from mprelease.storage.storable_text import StorableString as String
from mprelease.storage.storable_text import StorableText as Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite generates ids only for columns of type INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
Blob = LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
Key = StorableKey()


def _timestamp(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, BigInteger, nullable=nullable)


def _part_of(name: str, owner: str) -> Column[Any]:
    """Return a column of a primary key; the row is deleted together with its owner's."""
    owned = ForeignKey(owner, ondelete="CASCADE")
    return Column(name, Id, owned, primary_key=True, autoincrement=False)


projects = Table(
    "projects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Key, nullable=False, unique=True),
    Column("repository", Text, nullable=False),
    Column("default_branch", Key, nullable=False),
    _timestamp("created_at", nullable=False),
    # Counts changes, for optimistic locking.
    Column("revision", Integer, nullable=False, server_default="0"),
)

# A removed app keeps its row for its releases; its name_key is NULL, so that the name is free.
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
    # Lines, see domain/robots.py; None for none.
    Column("robot_names", Json),
    Column("robot_rules", Json),
    # Lines, see domain/sizes.py; None for none.
    Column("size_budgets", Json),
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
    # The only scheme, host and port to which it may be sent; None means any.
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
    # Why it has this robot; None on a platform without robots.
    Column("robot_reason", Json),
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
    # Queue and lease: see storage/queue.py and engine/.
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
    # A deleted release is not shown; its row is kept for the version that the platform has.
    _timestamp("deleted_at"),
    # The branch or tag of `ref`, a commit; None if `ref` itself was requested.
    Column("ref_name", Text),
    Column("node_version", String(32)),
    # A cleanup does not remove it.
    Column("kept", Boolean, nullable=False, server_default=false()),
    Column("build_anew", Boolean, nullable=False, server_default=false()),
    # The stored build output that it publishes; first, the one that it was requested for.
    Column("artifact", String(64)),
    Index(None, "state", "label", "due", "id"),
    Index(None, "app_id", "id"),
    # For the newest release of each kind.
    Index(None, "app_id", "kind", "id"),
    # For lists with a filter.
    Index(None, "state", "id"),
    Index(None, "requested_by", "id"),
    # For how long the last successes of an app took.
    Index(None, "app_id", "kind", "environment", "state", "id"),
    # For the newest release of each robot, and for what it has published.
    Index(None, "app_id", "robot", "id"),
    Index(None, "app_id", "robot", "kind", "state", "id"),
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
    _part_of("release_id", "releases.id"),
    Column("image", Blob, nullable=False),
    Column("media_type", String(64), nullable=False),
    _timestamp("made_at", nullable=False),
    # A Validity; None for a code that an older version has stored.
    Column("validity", String(16)),
    _timestamp("expires_at"),
    # Copied from the release, for an index on the newest code of each app.
    Column("app_id", Id),
    Column("kind", String(16)),
    Index(None, "app_id", "kind", "release_id"),
)

# The key gives access to the QR code without a login, while the row exists.
shares = Table(
    "shares",
    metadata,
    _part_of("release_id", "releases.id"),
    Column("key", Key, nullable=False, unique=True),
    _timestamp("created_at", nullable=False),
)

# Which version the testers of a platform app id see, according to a person or to the platform.
trials = Table(
    "trials",
    metadata,
    Column("platform", String(16), primary_key=True),
    Column("platform_app_id", Key, primary_key=True),
    # Number of the robot or channel; 0 for the version outside of channels.
    Column("channel", Integer, nullable=False),
    # None: the newest upload of the channel.
    Column("version", String(64)),
    # None: the answer of the platform.
    Column("marked_by", Key),
    _timestamp("marked_at", nullable=False),
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
    # Why it is not a stronger one; empty for the strongest.
    Column("sandbox_reason", Text),
    # Number of unexpected failures of its loops; None for a worker of an older version.
    Column("loop_failures", Integer),
    # The reports of its last cleanup, and when that was; `low_disk`: it claims no releases.
    Column("stores", Json),
    _timestamp("stores_at"),
    Column("low_disk", Boolean),
    _timestamp("cleanup_requested_at"),
)

# Queries that only a worker can answer: see engine/worker_queries.py.
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
    # Ids stay when a name changes. None for actions without a login, and subjects without an id.
    Column("who_id", Id),
    Column("subject_id", Id),
    # The app that it concerns, also for releases; None for other subjects.
    Column("app_id", Id),
    Index(None, "app_id", "id"),
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
    # When the avatar was last changed; None without an avatar.
    _timestamp("avatar_at"),
    Column("revision", Integer, nullable=False, server_default="0"),
)

# Every name that a user has or had, normalized by `name_key`: it stays reserved for that user.
user_names = Table(
    "user_names",
    metadata,
    Column("name_key", Key, primary_key=True),
    # None for a user that was removed before this table existed.
    Column("user_id", Id),
)

avatars = Table(
    "avatars",
    metadata,
    _part_of("user_id", "users.id"),
    Column("image", Blob, nullable=False),
)

# A login of a browser or a personal token of a program; only the digest of its secret is stored.
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

# The apps that a user has starred.
favourites = Table(
    "favourites",
    metadata,
    _part_of("user_id", "users.id"),
    _part_of("app_id", "apps.id"),
)
