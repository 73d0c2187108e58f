"""The board of an app: which version is on each robot or channel, and which one testers see."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from mprelease.domain.board import Board, BoardRow, Placement, Trial
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, State
from mprelease.domain.robots import names_in
from mprelease.domain.users import Actor
from mprelease.platforms.registry import driver_of, has_channels, robots, served
from mprelease.schemas import validation
from mprelease.schemas.apps import App
from mprelease.services import apps
from mprelease.services.context import ServiceContext, record
from mprelease.storage import board as stored
from mprelease.storage import trials
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Reader


def boards(db: Reader, of_apps: Sequence[App]) -> list[Board]:
    """Return the boards of apps on platforms that are served."""
    shown = [app for app in of_apps if app.platform in served()]
    if not shown:
        return []
    placed = stored.placements(db, shown, range(robots().stop))
    known = trials.of_apps(db, shown)
    return [_board(app, placed[app.id], known.get(app.id)) for app in shown]


def of_app(db: Reader, name: str) -> Board:
    """Return the board of one app; raise Refused if there is none, or if it is not served."""
    app = apps.get(db, name)
    driver_of(app.platform)
    [found] = boards(db, [app])
    return found


def mark(services: ServiceContext, who: Actor, name: str, channel: int) -> Trial:
    """Mark a robot or channel as the one whose version testers see, as a person has set it.

    Raise Refused(TRIAL_REPORTED) if the platform itself is queried for it.
    """
    with services.database.writing() as db:
        app = apps.get(db, name)
        driver = driver_of(app.platform)
        if driver.reports_trial:
            raise Refused(Problem.TRIAL_REPORTED, platform=app.platform)
        if channel:
            validation.robot(channel, robots(app.platform))
        trial = Trial(app.platform, app.platform_app_id, channel, None, who.name, services.now())
        trials.put(db, trial)
        details = {"robot": channel} if channel else {}
        record(db, services, who, AuditEntry("app.trial", app.name, details, app.id))
    return trial


def require_report(app: App) -> None:
    """Raise Refused(TRIAL_NOT_REPORTED) unless the platform names the trial version."""
    if not driver_of(app.platform).reports_trial:
        raise Refused(Problem.TRIAL_NOT_REPORTED, platform=app.platform)


def store_answer(services: ServiceContext, name: str, version: object) -> Trial | None:
    """Store which version the platform has named as the trial version; None for none."""
    with services.database.writing() as db:
        app = apps.get(db, name)
        trials.forget(db, app.platform, app.platform_app_id)
        if not isinstance(version, str):
            return None
        trial = Trial(app.platform, app.platform_app_id, 0, version, None, services.now())
        trials.put(db, trial)
    return trial


def _board(app: App, placed: Collection[Placement], trial: Trial | None) -> Board:
    driver = driver_of(app.platform)
    names = names_in(app.robot_names)
    by_channel: dict[int, list[Placement]] = {}
    for one in placed:
        # On a platform without channels the stored number has no meaning.
        channel = one.robot if driver.robots or (driver.channel_setting and one.has_channel) else 0
        by_channel.setdefault(channel, []).append(one)
    rows = [
        _row(channel, names.get(channel), by_channel[channel]) for channel in sorted(by_channel)
    ]
    return Board(
        app.name,
        app.platform,
        tuple(replace(row, is_trial=_is_trial(row, trial)) for row in rows),
        trial,
        has_channels(app.platform),
        driver.reports_trial,
    )


def _row(channel: int, name: str | None, placed: Collection[Placement]) -> BoardRow:
    uploads = [one for one in placed if one.kind is Kind.UPLOAD]
    sure = _newest(one for one in uploads if one.state is State.SUCCEEDED)
    unsure = _newest(one for one in uploads if one.state is State.UNKNOWN)
    is_newer = unsure and (sure is None or unsure.release_id > sure.release_id)
    preview = _newest(one for one in placed if one.kind is Kind.PREVIEW)
    return BoardRow(channel, name, sure, unsure if is_newer else None, preview, is_trial=False)


def _newest(placed: Iterable[Placement]) -> Placement | None:
    return max(placed, key=lambda one: one.release_id, default=None)


def _is_trial(row: BoardRow, trial: Trial | None) -> bool:
    if trial is None or row.upload is None:
        return False
    return (
        row.channel == trial.channel
        if trial.version is None
        else row.upload.version == trial.version
    )
