"""Rows of one project with one app, and of its releases."""

from mprelease.domain.apps import Environment, ProjectType
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.schemas.apps import App, BuildSettings
from mprelease.storage import apps, projects, releases
from mprelease.storage.database import Writer

NOW = 1_795_320_000_000


def add_app(db: Writer, name: str = "shop") -> App:
    project = projects.add(db, f"{name}-project", "/srv/shop.git", "main", NOW)
    blank = App(
        id=0,
        project_id=project.id,
        name=name,
        platform=Platform.WECHAT,
        platform_app_id="wx0123456789abcdef",
        project_type=ProjectType.MINI_PROGRAM,
        build=BuildSettings(compile_settings={"es6": False}),
        robot=1,
        start_page=None,
        proxy=None,
    )
    return apps.add(db, blank, NOW)


def add_release(db: Writer, app: App, kind: Kind = Kind.UPLOAD, robot: int = 1) -> int:
    return releases.add(
        db,
        releases.NewRelease(
            app=app,
            kind=kind,
            ref="main",
            environment=Environment.PRODUCTION,
            robot=robot,
            version="26.11.22.0" if kind is Kind.UPLOAD else None,
            description="",
            launch=LaunchOptions("pages/a/a", "b=1", 1011),
            requested_by="林",
            serial_key=f"wechat:{app.platform_app_id}:{robot}",
            idempotency_key=None,
        ),
        NOW,
    )
