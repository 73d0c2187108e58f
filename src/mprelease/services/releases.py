"""Operations on releases: request, cancel, resolve, delete."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mprelease.domain.errors import AppRefused, Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, LaunchOptions, Release, State
from mprelease.domain.robots import Occupant
from mprelease.domain.users import Actor
from mprelease.domain.versions import automatic, automatic_shared, checked, is_greater, of_day
from mprelease.platforms.registry import driver_of
from mprelease.schemas import validation as typed
from mprelease.schemas.apps import App
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps as app_operations
from mprelease.services import projects as project_operations
from mprelease.services import robots
from mprelease.services.context import ServiceContext, entry_about, record
from mprelease.source.repository import check_ref
from mprelease.storage import apps, clock, projects, queue, releases
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Reader, Writer

# One step of priority counts as this much time of waiting.
AGEING_MS = 60_000
_NOBODY = Actor("")


def request(services: ServiceContext, who: Actor, wanted: ReleaseRequest) -> int:
    """Accept a release as queued and return its number.

    A repeated request with the same idempotency key returns the same release. Raise Refused
    if a field cannot be used; then nothing is queued.
    """
    with services.database.writing() as db:
        if earlier := _earlier(db, wanted):
            return earlier.id
        app = app_operations.get(db, wanted.app)
        apps.lock_shared(db, app)
        release_id = _accept(db, services, who, app, wanted, _facts(db, who, [app], wanted))
    services.wake(app.label)
    return release_id


def request_all(
    services: ServiceContext,
    who: Actor,
    project: str,
    wanted: ReleaseRequest,
    chosen: Collection[str] | None = None,
) -> dict[int, App]:
    """Accept the same release for every app of a project, all or none; return them by number.

    `chosen` are names of apps, None for all; `wanted.app` is ignored. Uploads without a version
    get the same number, as far as the platforms allow. Raise AppRefused if one cannot be queued.
    """
    with services.database.writing() as db:
        members = _members(db, project, chosen)
        apps.lock_shared(db, *members)
        facts = _facts(db, who, members, wanted)
        step = _step(services, members, facts)
        accepted = {}
        for app in members:
            with _naming(app):
                own = _own(services, app, wanted, step, facts)
                accepted[_accept(db, services, who, app, own, facts)] = app
    for label in {app.label for app in members}:
        services.wake(label)
    return accepted


def next_version(db: Reader, services: ServiceContext, app: App) -> str:
    """Return the version that an upload without one would get now."""
    (used,) = releases.used_versions(db, app).values()
    form = driver_of(app.platform).version_form
    return automatic(form, _today(services), _used(services, app, used))


def verify(services: ServiceContext, wanted: ReleaseRequest) -> App:
    """Check a request as `request` does, without writing; return its app, or raise Refused."""
    with services.database.reading() as db:
        app = app_operations.get(db, wanted.app)
        _new(services, _NOBODY, app, wanted, _facts(db, _NOBODY, [app], wanted))
    return app


def verify_all(services: ServiceContext, project: str, wanted: ReleaseRequest) -> list[App]:
    """Check a request as `request_all` does, without writing; return its apps, or raise Refused."""
    with services.database.reading() as db:
        members = _members(db, project)
        facts = _facts(db, _NOBODY, members, wanted)
        for app in members:
            with _naming(app):
                _new(services, _NOBODY, app, wanted, facts)
    return members


def cancel(services: ServiceContext, who: Actor, release_id: int) -> None:
    """Cancel a queued release, or request the cancellation of a running one.

    Raise Refused if it has ended, or is being sent to the platform.
    """
    with services.database.writing() as db:
        release = get(db, release_id)
        if release.state is State.CANCELED:
            return
        if queue.request_cancel(db, release_id) is None:
            raise Refused(Problem.CANCEL_TOO_LATE, release=release_id)
        entry = entry_about("release.cancel", release)
        record(db, services, who, entry)
        label = apps.by_id(db, release.app_id).label
    services.wake(label)


def resolve(services: ServiceContext, who: Actor, release_id: int, *, published: bool) -> Release:
    """Set the end of a release whose end is unknown; raise Refused if it is known."""
    with services.database.writing() as db:
        release = get(db, release_id)
        if not queue.resolve(db, release_id, published=published):
            raise Refused(Problem.RELEASE_NOT_UNKNOWN, release=release_id)
        details = {"published": published}
        record(db, services, who, entry_about("release.resolve", release, details))
        return get(db, release_id)


def delete(services: ServiceContext, who: Actor, release_ids: Sequence[int]) -> None:
    """Delete releases with their logs, all or none; raise Refused for one that is unfinished.

    A release whose end is unknown counts as unfinished: it still holds its serial key.
    """
    with services.database.writing() as db:
        for release_id in release_ids:
            release = get(db, release_id)
            if not release.state.is_final or release.state is State.UNKNOWN:
                raise Refused(Problem.RELEASE_UNFINISHED, release=release_id)
            releases.remove(db, release_id, clock.read(db))
            details = {"app": release.app_name, "kind": release.kind, "version": release.version}
            record(db, services, who, entry_about("release.delete", release, details))


def get(db: Reader, release_id: int) -> Release:
    """Return the release of this number; raise Refused when there is none."""
    release = releases.by_id(db, release_id)
    if release is None:
        raise Refused(Problem.RELEASE_UNKNOWN, release=release_id)
    return release


@dataclass(frozen=True)
class _Facts:
    """What a request is checked against: read once for all of its apps.

    `now` is the database's time in ms, `branch` the project's default branch. `versions`, by
    platform and app id, `due`, by serial key, and `robots` grow with each release that is accepted.
    `repeated` is the release whose build is to be published.
    """

    members: Sequence[App]
    now: int
    branch: str
    versions: Mapping[tuple[str, str], list[str]]
    due: dict[str, int]
    robots: robots.RobotFacts
    repeated: Release | None

    def of(self, app: App) -> list[str]:
        return self.versions[app.platform, app.platform_app_id]

    def accept(self, new: releases.NewRelease, release_id: int) -> None:
        self.due[new.serial_key] = new.due
        occupant = Occupant(release_id, new.ref_name or new.ref, new.requested_by)
        self.robots.accept(self.members, new.app, new.robot, occupant)
        if new.version:
            self.of(new.app).append(new.version)


def _facts(db: Reader, who: Actor, members: Sequence[App], wanted: ReleaseRequest) -> _Facts:
    """Read what a request for these apps of one project is checked against."""
    return _Facts(
        members,
        clock.read(db),
        projects.by_id(db, members[0].project_id).default_branch,
        releases.used_versions(db, *members),
        queue.last_due(db, set().union(*map(robots.serial_keys, members))),
        robots.facts(db, who, members),
        releases.by_id(db, wanted.same_build_as) if wanted.same_build_as else None,
    )


def _accept(  # noqa: PLR0917 what a release is accepted by
    db: Writer,
    services: ServiceContext,
    who: Actor,
    app: App,
    wanted: ReleaseRequest,
    facts: _Facts,
) -> int:
    """Write a release of an app whose row is locked."""
    # The same request, sent twice at once, may have had this lock before.
    if earlier := _earlier(db, wanted):
        return earlier.id
    new = _new(services, who, app, wanted, facts)
    release_id = releases.add(db, new, facts.now)
    facts.accept(new, release_id)
    did = AuditEntry(f"release.{wanted.kind}", app.name, {"release": release_id}, app.id)
    record(db, services, who, did)
    queue.supersede(db, release_id, who.name)
    return release_id


def _members(db: Reader, project: str, chosen: Collection[str] | None = None) -> list[App]:
    members = apps.of_project(db, project_operations.get(db, project).id)
    if chosen is not None:
        for missing in sorted(set(chosen) - {app.name for app in members}):
            raise Refused(Problem.APP_UNKNOWN, name=missing)
        members = [app for app in members if app.name in chosen]
    if not members:
        raise Refused(Problem.PROJECT_HAS_NO_APPS, name=project)
    return members


@contextmanager
def _naming(app: App) -> Iterator[None]:
    try:
        yield
    except Refused as refusal:
        raise AppRefused(app.name, refusal) from refusal


def _step(services: ServiceContext, members: list[App], facts: _Facts) -> str:
    used = [version for app in members for version in _used(services, app, facts.of(app))]
    forms = [driver_of(app.platform).version_form for app in members]
    return automatic_shared(forms, _today(services), used)


def _used(services: ServiceContext, app: App, every: list[str]) -> list[str]:
    """Return the versions that the next one of an app has to be greater than."""
    wants_greater = driver_of(app.platform).wants_greater_versions
    return every if wants_greater else of_day(every, _today(services))


def _own(
    services: ServiceContext, app: App, wanted: ReleaseRequest, step: str, facts: _Facts
) -> ReleaseRequest:
    """Return one app's part of a request for all apps of its project."""
    key = wanted.idempotency_key
    own = wanted.with_(app=app.name, idempotency_key=key and f"{key}/{app.id}")
    if own.kind is Kind.PREVIEW or own.version:
        return own
    # Two apps of one app id: the platform would refuse the second of that number.
    used = _used(services, app, facts.of(app))
    is_free = all(is_greater(step, earlier) for earlier in used)
    return own.with_(version=step) if is_free else own


def _earlier(db: Reader, wanted: ReleaseRequest) -> Release | None:
    key = wanted.idempotency_key
    return releases.by_idempotency_key(db, key) if key else None


def _new(
    services: ServiceContext, who: Actor, app: App, wanted: ReleaseRequest, facts: _Facts
) -> releases.NewRelease:
    driver = driver_of(app.platform)
    ref = check_ref(wanted.ref or facts.branch)
    ref_name = wanted.ref_name and check_ref(wanted.ref_name)
    choice = facts.robots.choose(app, wanted, ref_name or ref)
    key = robots.serial_key(app, choice.robot)
    return releases.NewRelease(
        app=app,
        kind=wanted.kind,
        ref=ref,
        environment=wanted.environment,
        robot=choice.robot,
        robot_reason=choice.reason,
        version=_version(services, app, wanted, facts),
        version_is_automatic=wanted.kind is Kind.UPLOAD and wanted.version is None,
        description=typed.description(wanted.description or ""),
        launch=_launch(app, wanted.launch),
        compile_settings=robots.settings_with(
            app, choice, driver.settings.read(wanted.compile_settings)
        ),
        requested_by=who.name,
        serial_key=key,
        idempotency_key=wanted.idempotency_key,
        priority=typed.priority(wanted.priority),
        due=_due(key, wanted.priority, facts),
        ref_name=ref_name,
        build_anew=wanted.build_anew,
        artifact=_artifact(app, wanted, facts.repeated),
    )


def _artifact(app: App, wanted: ReleaseRequest, repeated: Release | None) -> str | None:
    """Return the artifact of the repeated release, unless something else is requested.

    A build of the same commit from another branch does not count: its caches were other ones.
    """
    is_same = (
        repeated is not None
        and repeated.app_id == app.id
        and repeated.commit is not None
        and repeated.commit.id == wanted.ref
        and repeated.shown_ref == (wanted.ref_name or wanted.ref)
        and repeated.environment is wanted.environment
    )
    return repeated.artifact if repeated and is_same and not wanted.build_anew else None


def _due(key: str, priority: int, facts: _Facts) -> int:
    """Return the place in the queue, in ms: the oldest runs first, and priority counts as age.

    Releases of one serial key keep their order.
    """
    return max(facts.now - priority * AGEING_MS, facts.due.get(key, 0))


def _version(
    services: ServiceContext, app: App, wanted: ReleaseRequest, facts: _Facts
) -> str | None:
    if wanted.kind is Kind.PREVIEW:
        return None
    driver = driver_of(app.platform)
    if wanted.version is None:
        used = _used(services, app, facts.of(app))
        return automatic(driver.version_form, _today(services), used)
    version = checked(driver.version_form, wanted.version)
    for earlier in facts.of(app) if driver.wants_greater_versions else ():
        if not is_greater(version, earlier):
            raise Refused(Problem.VERSION_NOT_GREATER, version=version, last=earlier)
    return version


def _today(services: ServiceContext) -> date:
    return datetime.fromtimestamp(services.now() / 1000, UTC).astimezone(services.timezone).date()


def _launch(app: App, wanted: LaunchOptions) -> LaunchOptions:
    start = wanted.start_page or app.start_page
    return LaunchOptions(
        start_page=start and typed.page(start),
        query=wanted.query and typed.query(wanted.query),
        scene=wanted.scene if wanted.scene is None else typed.scene(wanted.scene),
    )
