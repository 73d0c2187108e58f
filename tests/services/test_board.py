"""The board: which version is on each robot or channel, and which one testers see."""

import json

import pytest

from mprelease.domain.board import Board
from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, State
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, board, projects, releases, repetition
from mprelease.services.context import ServiceContext
from mprelease.storage import audit, queue

LIN, WANG = Actor("林"), Actor("王")
IDS = {
    Platform.WECHAT: "wx0123456789abcdef",
    Platform.ALIPAY: "2021000000000001",
    Platform.DOUYIN: "tt0123456789abcdef01",
}


@pytest.fixture(autouse=True)
def three_apps(services: ServiceContext, upload_key: str) -> None:
    change = ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    projects.add(services, LIN, change)
    credentials = {
        Platform.WECHAT: upload_key,
        Platform.ALIPAY: json.dumps({"toolId": "a" * 32, "privateKey": upload_key}),
        Platform.DOUYIN: json.dumps({"token": "t" * 32}),
    }
    for platform, app_id in IDS.items():
        key = credentials[platform].encode()
        new = AppChange(name=platform, platform_app_id=app_id, credential=key)
        apps.add(services, LIN, "web", platform, new)


def published(
    services: ServiceContext,
    app: str,
    ref: str,
    *,
    who: Actor = LIN,
    kind: Kind = Kind.UPLOAD,
    state: State = State.SUCCEEDED,
    **more: object,
) -> int:
    wanted = ReleaseRequest.of(app=app, kind=kind, ref=ref, **more)
    release_id = releases.request(services, who, wanted)
    lease = queue.claim(services.database, release_id, "worker", f"token {release_id}")
    assert lease
    with services.database.writing() as db:
        assert queue.end(db, lease, state)
    if state is State.UNKNOWN:
        with services.database.writing() as db:
            row = queue.releases.update().where(queue.releases.c.id == release_id)
            db.connection.execute(row.values(running_key=None))
    return release_id


def board_of(services: ServiceContext, app: str) -> Board:
    with services.database.reading() as db:
        [found] = board.boards(db, [apps.get(db, app)])
    return found


def shown(found: Board) -> list[tuple[str, int | None, int | None, bool]]:
    return [
        (
            row.shown_channel,
            row.upload.release_id if row.upload else None,
            row.preview.release_id if row.preview else None,
            row.is_trial,
        )
        for row in found.rows
    ]


def test_each_robot_has_its_newest_upload_and_preview(services: ServiceContext) -> None:
    apps.edit(services, LIN, "wechat", AppChange(robot_names=["1 测试", "2 预发"]))
    published(services, "wechat", "main")
    newest = published(services, "wechat", "main")
    other = published(services, "wechat", "fix/a", who=WANG)
    preview = published(services, "wechat", "fix/a", kind=Kind.PREVIEW, who=WANG)
    published(services, "wechat", "main", state=State.FAILED)
    releases.request(services, LIN, ReleaseRequest(app="wechat", kind=Kind.UPLOAD, ref="main"))
    found = board_of(services, "wechat")
    assert shown(found) == [("1 测试", newest, None, False), ("2 预发", other, preview, False)]
    upload = found.rows[1].upload
    assert upload
    assert (upload.ref, upload.requested_by, upload.version) == ("fix/a", "王", "26.11.22.2")


def test_a_newer_upload_of_unknown_end_stands_beside(services: ServiceContext) -> None:
    sure = published(services, "wechat", "main")
    unsure = published(services, "wechat", "main", state=State.UNKNOWN)
    [row] = board_of(services, "wechat").rows
    assert row.upload
    assert row.unsure
    assert (row.upload.release_id, row.unsure.release_id) == (sure, unsure)
    newer = published(services, "wechat", "main")
    [row] = board_of(services, "wechat").rows
    assert row.upload
    assert (row.upload.release_id, row.unsure) == (newer, None)


def test_a_deleted_release_is_still_there_on_the_platform(services: ServiceContext) -> None:
    deleted = published(services, "wechat", "main")
    releases.delete(services, LIN, [deleted])
    [row] = board_of(services, "wechat").rows
    assert row.upload
    assert (row.upload.release_id, row.upload.is_deleted) == (deleted, True)


def test_apps_of_one_app_id_show_what_the_other_has_replaced(
    services: ServiceContext, upload_key: str
) -> None:
    twin = AppChange(
        name="twin", platform_app_id=IDS[Platform.WECHAT], credential=upload_key.encode()
    )
    apps.add(services, LIN, "web", Platform.WECHAT, twin)
    published(services, "wechat", "main")
    newer = published(services, "twin", "main", robot=1)
    assert shown(board_of(services, "wechat")) == [("1", newer, None, False)]


def test_the_mark_of_a_person_follows_the_robot_and_is_in_the_audit(
    services: ServiceContext,
) -> None:
    first = published(services, "wechat", "main")
    other = published(services, "wechat", "fix/a", who=WANG)
    board.mark(services, WANG, "wechat", 1)
    assert shown(board_of(services, "wechat")) == [
        ("1", first, None, True),
        ("2", other, None, False),
    ]
    newer = published(services, "wechat", "main")
    found = board_of(services, "wechat")
    assert shown(found)[0] == ("1", newer, None, True)
    assert found.trial
    assert found.trial.marked_by == "王"
    with services.database.reading() as db:
        entry = next(each for each in audit.every(db) if each.action == "app.trial")
    assert (entry.who, entry.details) == ("王", {"robot": 1})
    with pytest.raises(Refused) as refused:
        board.mark(services, WANG, "wechat", 31)
    assert refused.value.problem_detail.problem is Problem.ROBOT_RANGE


def test_the_answer_of_the_platform_is_one_version(services: ServiceContext) -> None:
    published(services, "alipay", "main")
    with services.database.reading() as db:
        before = apps.get(db, "alipay")
    version = "26.1122.0"
    board.store_answer(services, "alipay", version)
    [row] = board_of(services, "alipay").rows
    assert row.upload
    assert (row.channel, row.upload.version, row.is_trial) == (0, version, True)
    published(services, "alipay", "main")
    [row] = board_of(services, "alipay").rows
    assert not row.is_trial
    board.store_answer(services, "alipay", None)
    assert board_of(services, "alipay").trial is None
    with pytest.raises(Refused) as refused:
        board.mark(services, LIN, before.name, 0)
    assert refused.value.problem_detail.problem is Problem.TRIAL_REPORTED


def test_channels_come_from_a_rule_or_the_compile_settings(services: ServiceContext) -> None:
    change = AppChange(robot_rules=["release/* → 2"], robot_names=["2 预发"])
    apps.edit(services, LIN, "douyin", change)
    plain = published(services, "douyin", "main")
    ruled = published(services, "douyin", "release/1")
    named = published(services, "douyin", "release/1", compile_settings={"channel": 3})
    published(services, "douyin", "release/1", kind=Kind.PREVIEW)
    found = board_of(services, "douyin")
    assert [row[:2] for row in shown(found)] == [("", plain), ("2 预发", ruled), ("3", named)]
    with services.database.reading() as db:
        made = releases.get(db, ruled)
    assert made.compile_settings == {"channel": 2}
    again = repetition.again(services, ruled)
    assert (again.robot, again.compile_settings) == (None, {"channel": 2})


def test_the_boards_of_a_project_come_in_its_order(services: ServiceContext) -> None:
    published(services, "wechat", "main")
    with services.database.reading() as db:
        found = board.boards(db, [apps.get(db, name) for name in IDS])
    assert [(each.app, len(each.rows)) for each in found] == [
        ("wechat", 1),
        ("alipay", 0),
        ("douyin", 0),
    ]
