"""Which platforms the newest releases were for: those that a worker prepares at its start."""

from sqlalchemy import update

from mprelease.domain.platforms import Platform
from mprelease.storage import apps
from mprelease.storage.database import Database
from mprelease.storage.tables import releases
from sample_rows import NOW, add_app, add_release


def test_the_platforms_of_the_newest_releases_are_listed_the_most_used_first(
    database: Database,
) -> None:
    with database.writing() as db:
        shops = {platform: add_app(db, platform) for platform in Platform}
        for platform, app in shops.items():
            db.connection.execute(
                update(apps.apps).where(apps.apps.c.id == app.id).values(platform=platform)
            )
        add_release(db, shops[Platform.ALIPAY])
        add_release(db, shops[Platform.WECHAT])
        add_release(db, shops[Platform.WECHAT])
        other = add_release(db, shops[Platform.DOUYIN])
        db.connection.execute(update(releases).where(releases.c.id == other).values(label="linux"))
    with database.reading() as db:
        assert apps.recent_platforms(db, {"default"}, NOW) == ["wechat", "alipay"]
        assert apps.recent_platforms(db, {"linux"}, NOW) == ["douyin"]
        assert apps.recent_platforms(db, {"default", "linux"}, NOW + 1) == []


def test_without_releases_there_is_none(database: Database) -> None:
    with database.reading() as db:
        assert apps.recent_platforms(db, {"default"}, 0) == []
