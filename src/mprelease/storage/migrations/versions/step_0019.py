"""Until when QR codes can be scanned; an index on the ended releases of an app by their kind."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
# What is known of the codes that are stored: as in the drivers of this version.
_LASTED = {
    ("wechat", "preview"): 25 * _MINUTE_MS,
    ("alipay", "preview"): 6 * _DAY_MS,
    ("alipay", "upload"): 7 * _DAY_MS,
}
_CODES = sa.table(
    "qr_codes",
    *(sa.column(name) for name in ("app_id", "kind", "made_at", "validity", "expires_at")),
)
_APPS = sa.table("apps", sa.column("id"), sa.column("platform"))


def upgrade() -> None:
    """Add columns and an index that older nodes can ignore, and the ends of stored codes."""
    op.add_column("qr_codes", sa.Column("validity", sa.String(16)))
    op.add_column("qr_codes", sa.Column("expires_at", sa.BigInteger))
    for (platform, kind), milliseconds in _LASTED.items():
        limited = {"validity": "limited", "expires_at": _CODES.c.made_at + milliseconds}
        op.execute(_of(platform, kind).values(limited))
    op.execute(_of("wechat", "upload").values(validity="unlimited"))
    columns = ["app_id", "kind", "environment", "state", "id"]
    op.create_index("ix_releases_app_id_kind_environment_state_id", "releases", columns)


def _of(platform: str, kind: str) -> sa.Update:
    of_platform = sa.select(_APPS.c.id).where(_APPS.c.platform == platform)
    return sa.update(_CODES).where(_CODES.c.kind == kind, _CODES.c.app_id.in_(of_platform))
