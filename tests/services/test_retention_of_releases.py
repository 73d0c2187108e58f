"""Which releases, logs and QR codes a cleanup removes from the database."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from databases import KINDS
from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage, State
from mprelease.domain.stores import RemovalReason, StoreName, StoreReport
from mprelease.domain.users import Actor
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases, retention
from mprelease.services.context import ServiceContext
from mprelease.services.retention import Retention
from mprelease.storage import logs, tables
from mprelease.storage import releases as stored

DAY = 86_400_000
FOREVER = Retention(0, 0, 0, 0)
Made = Callable[..., int]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def app(services: ServiceContext, developer: Actor, upload_key: str) -> App:
    new = ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    projects.add(services, developer, new)
    shop = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    return apps.add(services, developer, "web", Platform.WECHAT, shop)


@pytest.fixture
def made(services: ServiceContext, developer: Actor, app: App) -> Made:
    """Return a function that makes a release with log and QR code, which ended days ago."""

    def make(
        days_ago: float, kind: Kind = Kind.PREVIEW, state: State = State.SUCCEEDED, robot: int = 1
    ) -> int:
        wanted = ReleaseRequest(app=app.name, kind=kind, robot=robot)
        number = releases.request(services, developer, wanted)
        at = services.now() - round(days_ago * DAY)
        with services.database.writing() as db:
            ended = {"state": state, "created_at": at, "ended_at": at, "running_key": None}
            row = update(tables.releases).where(tables.releases.c.id == number)
            db.connection.execute(row.values(ended))
            line = LogLine(Position(1, 1), at, Stage.BUILD, "built")
            logs.append(db, number, [line])
            stored.put_qr_code(db, number, b"png" * 100, "image/png", at)
        return number

    return make


def clean(services: ServiceContext, **limits: int) -> dict[StoreName, StoreReport]:
    found = retention.clean(services, replace(FOREVER, **limits))
    return {each.store: each for each in found}


def shown(services: ServiceContext, *numbers: int) -> list[int]:
    with services.database.reading() as db:
        return sorted(stored.by_ids(db, numbers))


def has_log(services: ServiceContext, number: int) -> bool:
    with services.database.reading() as db:
        return bool(logs.ends(db, [number]))


def test_releases_beyond_the_age_are_removed_with_log_and_code(
    services: ServiceContext, made: Made
) -> None:
    old, new = made(366), made(364)
    reports = clean(services, release_days=365)
    assert shown(services, old, new) == [new]
    assert not has_log(services, old)
    with services.database.reading() as db:
        assert stored.qr_code(db, old) is None
        assert stored.qr_code(db, new) is not None
    assert reports[StoreName.RELEASES].removed == {RemovalReason.AGE: 1}
    assert reports[StoreName.RELEASES].items == 2
    assert reports[StoreName.RELEASES].removed_size > 300


def test_releases_beyond_the_number_of_their_app_are_removed_oldest_first(
    services: ServiceContext, made: Made
) -> None:
    numbers = [made(5 - each) for each in range(5)]
    reports = clean(services, releases=2)
    assert shown(services, *numbers) == numbers[-2:]
    assert reports[StoreName.RELEASES].removed == {RemovalReason.LIMIT: 3}


def test_the_newest_uploads_of_each_robot_stay_and_versions_stay_taken(
    services: ServiceContext, made: Made, app: App
) -> None:
    first, second = made(900, Kind.UPLOAD), made(800, Kind.UPLOAD)
    failed = made(700, Kind.UPLOAD, State.FAILED)
    other = made(950, Kind.UPLOAD, robot=2)
    with services.database.reading() as db:
        before = stored.used_versions(db, app)
    clean(services, release_days=365, releases=1)
    assert shown(services, first, second, failed, other) == [second, failed, other]
    with services.database.reading() as db:
        assert stored.used_versions(db, app) == before
        assert stored.qr_code(db, second) is not None


def test_kept_and_unfinished_releases_stay(
    services: ServiceContext, developer: Actor, made: Made
) -> None:
    kept, running, unknown, plain = (
        made(900, state=state)
        for state in (State.FAILED, State.RUNNING, State.UNKNOWN, State.FAILED)
    )
    assert retention.keep(services, developer, kept, kept=True).kept
    everything = {"release_days": 1, "releases": 1, "log_days": 1, "qr_code_days": 1}
    clean(services, **everything)
    assert shown(services, kept, running, unknown, plain) == [kept, running, unknown, plain][:3]
    assert has_log(services, kept)
    retention.keep(services, developer, kept, kept=False)
    clean(services, **everything)
    assert shown(services, kept) == []


def test_logs_and_codes_go_before_their_release(services: ServiceContext, made: Made) -> None:
    old, new = made(100), made(1)
    reports = clean(services, release_days=365, log_days=90, qr_code_days=90)
    assert shown(services, old, new) == [old, new]
    assert [has_log(services, each) for each in (old, new)] == [False, True]
    with services.database.reading() as db:
        assert stored.qr_code(db, old) is None
    for store in (StoreName.LOGS, StoreName.QR_CODES):
        assert reports[store].removed == {RemovalReason.AGE: 1}


def test_a_dry_run_counts_the_same_and_removes_nothing(
    services: ServiceContext, made: Made
) -> None:
    old, new = made(400), made(1)
    limits = replace(FOREVER, release_days=365)
    counted = retention.clean(services, limits, is_dry_run=True)
    assert shown(services, old, new) == [old, new]
    assert retention.clean(services, limits) == counted


def test_an_unknown_release_cannot_be_kept(services: ServiceContext, developer: Actor) -> None:
    with pytest.raises(Refused):
        retention.keep(services, developer, 12345, kept=True)
