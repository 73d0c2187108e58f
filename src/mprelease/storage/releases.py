"""Queries about releases as shown to users: add, get, list; their QR codes and warnings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, update

from mprelease.domain import platforms
from mprelease.domain.apps import Environment
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import (
    Commit,
    Kind,
    LaunchOptions,
    PublishState,
    Release,
    Sizes,
    Stage,
    StageRecord,
    StageState,
    State,
)
from mprelease.domain.robots import ChosenBy, RobotReason, names_in
from mprelease.schemas.apps import App
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import apps, log_chunks, qr_codes, releases, shares, stages


@dataclass(frozen=True)
class NewRelease:
    """A release as it is inserted; `due` is its position in the queue."""

    app: App
    kind: Kind
    ref: str
    environment: Environment
    robot: int
    version: str | None
    description: str
    launch: LaunchOptions
    requested_by: str
    serial_key: str
    idempotency_key: str | None
    compile_settings: Mapping[str, bool | int | str] = field(default_factory=dict)
    priority: int = 0
    due: int = 0
    version_is_automatic: bool = False
    ref_name: str | None = None
    build_anew: bool = False
    artifact: str | None = None
    robot_reason: RobotReason | None = None


def add(db: Writer, new: NewRelease, now: int) -> int:
    """Insert a queued release with its pending stages; return its id."""
    result = db.connection.execute(
        insert(releases).values(
            app_id=new.app.id,
            kind=new.kind,
            state=State.QUEUED,
            ref=new.ref,
            ref_name=new.ref_name,
            environment=new.environment,
            robot=new.robot,
            robot_reason=asdict(new.robot_reason) if new.robot_reason else None,
            version=new.version,
            version_is_automatic=new.version_is_automatic,
            description=new.description,
            requested_by=new.requested_by,
            idempotency_key=new.idempotency_key,
            created_at=now,
            warnings=[],
            compile_settings=dict(new.compile_settings),
            label=new.app.label,
            priority=new.priority,
            due=new.due,
            serial_key=new.serial_key,
            attempt=0,
            cancel_requested=False,
            publish_state=PublishState.NONE,
            start_page=new.launch.start_page,
            query=new.launch.query,
            scene=new.launch.scene,
            build_anew=new.build_anew,
            artifact=new.artifact,
        )
    )
    release_id = new_id(result)
    db.connection.execute(
        insert(stages),
        [
            {
                "release_id": release_id,
                "name": stage,
                "position": position,
                "state": StageState.PENDING,
                "cached": False,
            }
            for position, stage in enumerate(Stage)
        ],
    )
    return release_id


def by_id(db: Reader, release_id: int) -> Release | None:
    """Return the release with this id; None if there is none or it is deleted."""
    return next(iter(read(db, with_app().where(releases.c.id == release_id))), None)


def by_ids(db: Reader, release_ids: Collection[int]) -> dict[int, Release]:
    """Return by id the releases with these ids that exist."""
    return {one.id: one for one in read(db, with_app().where(releases.c.id.in_(release_ids)))}


def by_idempotency_key(db: Reader, idempotency_key: str) -> Release | None:
    """Return the release that an earlier request with this key has made; None if there is none."""
    query = with_app().where(releases.c.idempotency_key == idempotency_key)
    return next(iter(read(db, query)), None)


def newest(db: Reader, app_id: int | None, limit: int) -> list[Release]:
    """List releases of one app (None: of all), newest first."""
    query = with_app().order_by(releases.c.id.desc()).limit(limit)
    return read(db, query if app_id is None else query.where(releases.c.app_id == app_id))


def used_versions(db: Reader, *of_apps: App) -> dict[tuple[str, str], list[str]]:
    """Return by platform and platform app id the versions that were or may still be uploaded."""
    never_sent = releases.c.state.in_([State.FAILED, State.CANCELED]) & (
        releases.c.publish_state == PublishState.NONE
    )
    versions: dict[tuple[str, str], list[str]] = {
        (app.platform, app.platform_app_id): [] for app in of_apps
    }
    rows = db.connection.execute(
        select(apps.c.platform, apps.c.platform_app_id, releases.c.version)
        .join_from(releases, apps)
        .where(apps.c.platform_app_id.in_({app_id for _, app_id in versions}))
        .where(releases.c.kind == Kind.UPLOAD, ~never_sent, releases.c.version.is_not(None))
        .order_by(releases.c.id)
    )
    for platform, app_id, version in rows:
        if (platform, app_id) in versions:
            versions[platform, app_id].append(version)
    return versions


def qr_code(db: Reader, release_id: int) -> tuple[bytes, str] | None:
    """Return the image and media type of a release's QR code; None if it has none."""
    row = db.connection.execute(
        select(qr_codes.c.image, qr_codes.c.media_type).where(qr_codes.c.release_id == release_id)
    ).first()
    return (row.image, row.media_type) if row else None


def put_qr_code(db: Writer, release_id: int, image: bytes, media_type: str, now: int) -> None:
    """Store the QR code of a release, replacing an older one."""
    db.connection.execute(delete(qr_codes).where(qr_codes.c.release_id == release_id))
    copied = select(releases.c.app_id, releases.c.kind).where(releases.c.id == release_id)
    app_id, kind = db.connection.execute(copied).one()
    values = {"image": image, "media_type": media_type, "made_at": now}
    db.connection.execute(
        insert(qr_codes).values(release_id=release_id, app_id=app_id, kind=kind, **values)
    )


def put_warnings(db: Writer, release_id: int, warnings: Sequence[Message]) -> None:
    """Replace the warnings of a release that has ended."""
    values = [asdict(warning) for warning in warnings]
    row = update(releases).where(releases.c.id == release_id)
    db.connection.execute(row.values(warnings=values))


def keep(db: Writer, release_id: int, *, kept: bool) -> None:
    """Set whether a cleanup leaves a release, its log and its QR code."""
    row = update(releases).where(releases.c.id == release_id)
    db.connection.execute(row.values(kept=kept))


def remove(db: Writer, release_id: int, now: int) -> None:
    """Mark a release as deleted; delete its stages, log, QR code and the share of that."""
    for table in (qr_codes, log_chunks, shares, stages):
        db.connection.execute(delete(table).where(table.c.release_id == release_id))
    deleted = {"deleted_at": now, "idempotency_key": None}
    db.connection.execute(update(releases).where(releases.c.id == release_id).values(deleted))


def with_app() -> Select[Any]:
    """Return a query for `read`, of all releases that are not deleted; callers add conditions."""
    shown = select(
        releases, apps.c.name.label("app_name"), apps.c.platform, apps.c.robot_names
    ).join(apps)
    return shown.where(releases.c.deleted_at.is_(None))


def read(db: Reader, query: Select[Any], *, with_stages: bool = True) -> list[Release]:
    """Return the releases of a query that was made by `with_app`, with their stages if wanted."""
    rows = db.connection.execute(query).all()
    known = _stages(db, [row.id for row in rows]) if rows and with_stages else {}
    return [_release(row, known.get(row.id, [])) for row in rows]


def _stages(db: Reader, release_ids: Sequence[int]) -> dict[int, list[StageRecord]]:
    known: dict[int, list[StageRecord]] = {release_id: [] for release_id in release_ids}
    rows = db.connection.execute(
        select(stages)
        .where(stages.c.release_id.in_(release_ids))
        .order_by(stages.c.release_id, stages.c.position)
    )
    for row in rows:
        known[row.release_id].append(
            StageRecord(
                known_or_newer(Stage, row.name),
                known_or_newer(StageState, row.state),
                row.started_at,
                row.ended_at,
                row.cached,
            )
        )
    return known


def _release(row: Row[Any], known_stages: list[StageRecord]) -> Release:
    return Release(
        id=row.id,
        app_id=row.app_id,
        app_name=row.app_name,
        platform=platforms.named(row.platform),
        kind=known_or_newer(Kind, row.kind),
        state=known_or_newer(State, row.state),
        ref=row.ref,
        environment=known_or_newer(Environment, row.environment),
        robot=row.robot,
        robot_name=names_in(row.robot_names or ()).get(row.robot),
        robot_reason=_reason(row.robot_reason) if row.robot_reason else None,
        version=row.version,
        version_is_automatic=row.version_is_automatic,
        description=row.description,
        launch=LaunchOptions(row.start_page, row.query, row.scene),
        compile_settings=row.compile_settings or {},
        requested_by=row.requested_by,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        attempt=row.attempt,
        commit=Commit(**row.commit) if row.commit else None,
        sizes=Sizes(**row.sizes) if row.sizes else None,
        error=problem_detail_from(row.error) if row.error else None,
        failed_stage=known_or_newer(Stage, row.failed_stage) if row.failed_stage else None,
        warnings=tuple(Message(**warning) for warning in row.warnings),
        stages=tuple(known_stages),
        ref_name=row.ref_name,
        node_version=row.node_version,
        kept=row.kept,
        build_anew=row.build_anew,
        artifact=row.artifact,
    )


def _reason(stored: dict[str, Any]) -> RobotReason:
    return RobotReason(known_or_newer(ChosenBy, stored["source"]), stored.get("pattern"))


def problem_detail_from(stored: dict[str, Any]) -> ProblemDetail:
    """Return the problem of a column that `queue.to_json` has made."""
    return ProblemDetail(known_or_newer(Problem, stored["problem"]), stored["parameters"])
