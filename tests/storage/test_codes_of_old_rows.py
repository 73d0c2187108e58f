"""What a migration writes about QR codes that are stored already."""

from sqlalchemy import text

from databases import opened
from mprelease.storage.database import Database
from mprelease.storage.migrate import HEAD
from old_databases import insert_old_row, upgrade

MINUTE = 60_000


def test_the_ends_of_stored_codes_are_those_that_are_known(blank_url: str) -> None:
    kinds = [
        (platform, kind)
        for platform in ("wechat", "alipay", "douyin")
        for kind in ("preview", "upload")
    ]
    with opened(blank_url) as database:
        upgrade(database, "0018")
        with database.writing() as db:
            for number, (platform, kind) in enumerate(kinds, 1):
                insert_old_row(
                    db, "apps", {"id": number, "name": str(number), "platform": platform}
                )
                insert_old_row(db, "releases", {"id": number, "app_id": number, "kind": kind})
                code = {"release_id": number, "app_id": number, "kind": kind, "made_at": 1000}
                insert_old_row(db, "qr_codes", {**code, "image": b"png"})
        upgrade(database, HEAD)
        rows = stored(database)
    assert dict(zip(kinds, rows, strict=True)) == {
        ("wechat", "preview"): ("limited", 1000 + 25 * MINUTE),
        ("wechat", "upload"): ("unlimited", None),
        ("alipay", "preview"): ("limited", 1000 + 6 * 24 * 60 * MINUTE),
        ("alipay", "upload"): ("limited", 1000 + 7 * 24 * 60 * MINUTE),
        ("douyin", "preview"): (None, None),
        ("douyin", "upload"): (None, None),
    }


def stored(database: Database) -> list[tuple[str | None, int | None]]:
    query = "SELECT validity, expires_at FROM qr_codes ORDER BY release_id"
    with database.reading() as db:
        return [(row.validity, row.expires_at) for row in db.connection.execute(text(query))]
