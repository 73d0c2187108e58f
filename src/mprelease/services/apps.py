"""Deeds about apps and their credentials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from mprelease.domain.apps import App, BuildSettings, ProjectType
from mprelease.domain.errors import Refused
from mprelease.domain.names import name_key
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of
from mprelease.platforms.settings import KnownSettings, Setting
from mprelease.services import projects
from mprelease.services import validation as typed
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
class AppChange:
    """What is to be changed; None leaves it as it is.

    An empty text takes a command, an output, a page or a proxy back to what is recognised.
    `compile_settings` are added to those that are there, by the names of the platform's tool; None
    takes one away. `install_inputs` are patterns with spaces between them, which take the place of
    those that are there. `revision` is that of the app which the change is meant for, None for
    whichever it has.
    `fresh_install` lets the next release install its dependencies anew.
    """

    name: str | None = None
    platform_app_id: str | None = None
    project_type: ProjectType | None = None
    directory: str | None = None
    install_command: str | None = None
    build_command: str | None = None
    dev_build_command: str | None = None
    output: str | None = None
    node_memory: int | None = None
    compile_settings: Mapping[str, Setting | None] = field(default_factory=dict)
    install_inputs: str | None = None
    private_dependencies: bool | None = None
    fresh_install: bool | None = None
    default_page: str | None = None
    robot: int | None = None
    proxy: str | None = None
    label: str | None = None
    credential: bytes | None = field(default=None, repr=False)
    revision: int | None = None


@dataclass(frozen=True)
class KeptCredential:
    """What is shown of a credential: something to compare it by, and when it was set (ms).

    The fingerprint is None where the master key is another one, so that it cannot be opened.
    """

    fingerprint: str | None
    kept_at: int


def add(
    services: ServiceContext, who: Actor, project_name: str, platform: Platform, new: AppChange
) -> App:
    """Add an app to a project; name, app id and credential must be given."""
    taken = Refused(Problem.APP_EXISTS, name=new.name or "")
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
            robot=typed.FIRST_ROBOT,
            default_page=None,
            proxy=None,
        )
        changed = _changed(blank, new)
        _refuse_taken(db, changed.name)
        app = apps.add(db, changed, services.now())
        _keep_credential(services, db, app, new)
        record(db, services, who, AuditEntry("app.add", app.name, _told(new), app.id))
    return app


def edit(services: ServiceContext, who: Actor, name: str, change: AppChange) -> App:
    """Change an app and return it as it is now; running releases keep what they began with.

    Of two changes at once one comes after the other; Refused(CHANGED_MEANWHILE) for one that is
    meant for an older revision.
    """
    if replace(change, revision=None) == AppChange():
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
            # A queued release stands in line under the old id.
            raise Refused(Problem.RELEASE_BUSY, name=name)
        if not apps.change(db, app):
            raise Refused(Problem.CHANGED_MEANWHILE, name=name)
        _keep_credential(services, db, app, change)
        record(db, services, who, AuditEntry("app.edit", app.name, _told(change), app.id))
    return replace(app, revision=app.revision + 1)


def remove(services: ServiceContext, who: Actor, name: str) -> None:
    """Remove an app with its credential; its releases stay for the record."""
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


def _changed(app: App, change: AppChange) -> App:
    driver = driver_of(app.platform)
    app_id = change.platform_app_id
    return replace(
        app,
        name=app.name if change.name in {None, app.name} else typed.name(str(change.name)),
        platform_app_id=app.platform_app_id if app_id is None else driver.check_app_id(app_id),
        project_type=change.project_type or app.project_type,
        build=_changed_build(app.build, change, driver.settings),
        robot=app.robot if change.robot is None else typed.robot(change.robot, driver.robots),
        default_page=_or_none(app.default_page, change.default_page, typed.page),
        proxy=_or_none(app.proxy, change.proxy, typed.proxy),
        label=app.label if change.label is None else typed.label(change.label),
    )


def _changed_build(build: BuildSettings, change: AppChange, known: KnownSettings) -> BuildSettings:
    memory, inputs = change.node_memory, change.install_inputs
    private = change.private_dependencies
    return replace(
        build,
        directory=(
            build.directory if change.directory is None else typed.directory(change.directory)
        ),
        install_command=_or_none(build.install_command, change.install_command),
        build_command=_or_none(build.build_command, change.build_command),
        dev_build_command=_or_none(build.dev_build_command, change.dev_build_command),
        output=_or_none(build.output, change.output, typed.directory),
        node_memory=build.node_memory if memory is None else typed.memory(memory),
        compile_settings=_changed_settings(build.compile_settings, change.compile_settings, known),
        install_inputs=build.install_inputs if inputs is None else typed.patterns(inputs),
        private_dependencies=build.private_dependencies if private is None else private,
    )


def _changed_settings(
    before: Mapping[str, Setting], given: Mapping[str, Setting | None], known: KnownSettings
) -> Mapping[str, Setting]:
    """Return the settings with the given ones set, and those taken away that are None.

    What an older or newer version has stored under other names is left alone.
    """
    chosen = known.read({name: value for name, value in given.items() if value is not None})
    kept = {name: value for name, value in before.items() if name not in given}
    return {**kept, **known.effective(kept), **chosen}


def _or_none(
    before: str | None, given: str | None, check: Callable[[str], str] = str.strip
) -> str | None:
    if given is None:
        return before
    return check(given) if given.strip() else None


def _keep_credential(services: ServiceContext, db: Writer, app: App, change: AppChange) -> None:
    if change.credential is not None:
        credential = driver_of(app.platform).read_credential(change.credential)
        keep_secret(db, services, owner_of(app), CREDENTIAL, credential)


def _refuse_taken(db: Reader, name: str, app_id: int | None = None) -> None:
    others = (app for app in apps.every(db) if app.id != app_id)
    if any(name_key(app.name) == name_key(name) for app in others):
        raise Refused(Problem.APP_EXISTS, name=name)


def _told(change: AppChange) -> Mapping[str, object]:
    apart = {"credential", "revision"}
    plain = {key: value for key, value in vars(change).items() if key not in apart and value}
    return {**plain, "credential": True} if change.credential is not None else plain
