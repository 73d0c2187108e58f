"""Operations on apps and their credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from mprelease.domain.errors import Refused
from mprelease.domain.names import name_key
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of, robots
from mprelease.platforms.settings import KnownSettings, Setting
from mprelease.schemas import validation
from mprelease.schemas.apps import App, AppChange, AppFields, BuildSettings
from mprelease.services import projects
from mprelease.services.context import (
    ServiceContext,
    keep_secret,
    open_secrets,
    owner_of,
    record,
)
from mprelease.storage import apps, secrets
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Reader, Writer, refusing_taken

CREDENTIAL = "credential"


@dataclass(frozen=True)
class KeptCredential:
    """What may be shown of a credential: its fingerprint, and when it was set, in ms.

    `fingerprint` is None if the credential was sealed with another master key.
    """

    fingerprint: str | None
    kept_at: int


def add(
    services: ServiceContext, who: Actor, project_name: str, platform: Platform, new: AppFields
) -> App:
    """Add an app to a project; name, app id and credential must be given."""
    name = validation.name(new.name or "")
    taken = Refused(Problem.APP_EXISTS, name=name)
    with refusing_taken(taken), services.database.writing() as db:
        project = projects.get(db, project_name)
        blank = App(
            id=0,
            project_id=project.id,
            name="",
            platform=platform,
            platform_app_id="",
            project_type=driver_of(platform).project_types[0],
            build=BuildSettings(),
            robot=validation.FIRST_ROBOT,
            start_page=None,
            proxy=None,
        )
        changed = _changed(blank, new)
        _refuse_taken(db, changed.name)
        app = apps.add(db, changed, services.now())
        _keep_credential(services, db, app, new)
        record(db, services, who, AuditEntry("app.add", app.name, _told(new), app.id))
    return app


def edit(services: ServiceContext, who: Actor, name: str, change: AppChange) -> App:
    """Change an app and return it; running releases keep the settings that they began with.

    Raise Refused(CHANGED_MEANWHILE) if the change names another revision than the app has.
    """
    if not change.given().keys() - {"revision"}:
        raise Refused(Problem.NOTHING_TO_CHANGE)
    taken = Refused(Problem.APP_EXISTS, name=change.name or name)
    with refusing_taken(taken), services.database.writing() as db:
        before = _held(db, name)
        if change.revision not in {None, before.revision}:
            raise Refused(Problem.CHANGED_MEANWHILE, name=name)
        app = _changed(before, change)
        if change.fresh_install:
            app = replace(app, build=replace(app.build, installed_from=services.now()))
        if app.name != before.name:
            _refuse_taken(db, app.name, app.id)
        if app.platform_app_id != before.platform_app_id and apps.is_busy(db, app.id):
            # Queued releases are serialized by the former app id.
            raise Refused(Problem.RELEASE_BUSY, name=name)
        if not apps.change(db, app):
            raise Refused(Problem.CHANGED_MEANWHILE, name=name)
        _keep_credential(services, db, app, change)
        record(db, services, who, AuditEntry("app.edit", app.name, _told(change), app.id))
    return replace(app, revision=app.revision + 1)


def remove(services: ServiceContext, who: Actor, name: str) -> None:
    """Remove an app with its credential; its releases stay."""
    with services.database.writing() as db:
        app = _held(db, name)
        if apps.is_busy(db, app.id):
            raise Refused(Problem.RELEASE_BUSY, name=name)
        secrets.drop(db, owner_of(app))
        apps.remove(db, app.id, services.now())
        record(db, services, who, AuditEntry("app.remove", name, subject_id=app.id))


def get(db: Reader, name: str) -> App:
    """Return the app of this name; raise Refused when there is none."""
    app = apps.by_name(db, name)
    if app is None:
        raise Refused(Problem.APP_UNKNOWN, name=name)
    return app


def _held(db: Writer, name: str) -> App:
    app = apps.lock_by_name(db, name)
    if app is None:
        raise Refused(Problem.APP_UNKNOWN, name=name)
    return app


def kept_credential(db: Reader, services: ServiceContext, app: App) -> KeptCredential | None:
    """Return what may be shown of an app's credential, None for an app without one."""
    owner = owner_of(app)
    kept_at = secrets.kept_at(db, owner, CREDENTIAL)
    if kept_at is None:
        return None
    try:
        credential = open_secrets(db, services, owner)[CREDENTIAL]
    except Refused:
        return KeptCredential(None, kept_at)
    return KeptCredential(services.vault.fingerprint(credential), kept_at)


def _changed(app: App, change: AppFields) -> App:
    driver = driver_of(app.platform)
    app_id = change.platform_app_id
    robot = app.robot if change.robot is None else change.robot
    numbers = robots(app.platform)
    names, rules = change.robot_names, change.robot_rules
    plain = _stored(app, change, {"platform_app_id", "robot", "robot_names", "robot_rules"})
    build = _stored(app.build, change, {"compile_settings"})
    settings = _changed_settings(
        app.build.compile_settings, change.compile_settings, driver.settings
    )
    return replace(
        app,
        **plain,
        platform_app_id=app.platform_app_id if app_id is None else driver.check_app_id(app_id),
        robot=robot if robot == app.robot else validation.robot(robot, numbers),
        robot_names=app.robot_names if names is None else validation.robot_names(names, numbers),
        robot_rules=app.robot_rules if rules is None else validation.robot_rules(rules, numbers),
        build=replace(app.build, **build, compile_settings=settings),
    )


def _stored(before: App | BuildSettings, change: AppFields, apart: set[str]) -> dict[str, Any]:
    """Return the new values of the fields that change and record share, without those `apart`."""
    names = {one.name for one in fields(before)} & (AppFields.model_fields.keys() - apart)
    return {
        name: change.stored(name, getattr(before, name))
        for name in AppFields.model_fields
        if name in names
    }


def _changed_settings(
    before: Mapping[str, Setting], given: Mapping[str, Setting | None], known: KnownSettings
) -> Mapping[str, Setting]:
    """Return the settings with the given ones set, and without those that are given as None.

    Settings under names that this version does not know stay.
    """
    chosen = known.read({name: value for name, value in given.items() if value is not None})
    kept = {name: value for name, value in before.items() if name not in given}
    return {**kept, **known.effective(kept), **chosen}


def _keep_credential(services: ServiceContext, db: Writer, app: App, change: AppFields) -> None:
    given = change.credential_file()
    if given is not None:
        credential = driver_of(app.platform).read_credential(given)
        keep_secret(db, services, owner_of(app), CREDENTIAL, credential)


def _refuse_taken(db: Reader, name: str, app_id: int | None = None) -> None:
    others = (app for app in apps.every(db) if app.id != app_id)
    if any(name_key(app.name) == name_key(name) for app in others):
        raise Refused(Problem.APP_EXISTS, name=name)


def _told(change: AppFields) -> Mapping[str, object]:
    """Return the details of the audit entry of a change."""
    apart = {"credential", "revision", "project", "platform"}
    given = {key: value for key, value in change.given().items() if key not in apart and value}
    plain = {
        key: " ".join(value) if isinstance(value, list) else value for key, value in given.items()
    }
    return {**plain, "credential": True} if change.credential is not None else plain
