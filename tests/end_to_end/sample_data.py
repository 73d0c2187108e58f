"""Sample data for the pages, written directly into the database."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import (
    Commit,
    Kind,
    LaunchOptions,
    Sizes,
    Stage,
    StageState,
    State,
)
from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.users import Actor, Role
from mprelease.platforms.images import draw_qr_code
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.schemas.users import NewUser
from mprelease.security.vault import Vault, master_key
from mprelease.services import apps, projects, releases, shares, users
from mprelease.services.context import ServiceContext
from mprelease.storage import logs, queue, workers
from mprelease.storage import releases as stored
from mprelease.storage.database import Database, sqlite_url

LIN = Actor("林小满")
VIEWER, PASSWORD = "小王", "a long password"
APPS = {
    Platform.WECHAT: ("商城-微信", "wx0123456789abcdef"),
    Platform.ALIPAY: ("商城-支付宝", "2021000000000001"),
    Platform.DOUYIN: ("shop-douyin", "tt0123456789abcdef01"),
}
LONG_REF = "feature/a-long-name-that-somebody-typed-without-thinking-of-telephones-2026"
LONG_NAME = "一个很长的名字WithLatinLettersWithoutABreak0123456789"
COMMIT = Commit("3f2c9a7e" * 5, "林小满", "feat(首页): <b>改版</b>，支持深色模式与分包预下载", 0)
SIZES = Sizes(3_400_000, 1_950_000, {"/packageMarketing/": 1_450_000})
LINES: Mapping[Stage, tuple[str, ...]] = {
    Stage.CHECKOUT: ("3f2c9a7e First commit",),
    Stage.INSTALL: ("$ npm ci", "added 412 packages in 9s"),
    Stage.BUILD: (
        "$ npm run build:mp-weixin",
        "\x1b[36mvite\x1b[0m building",
        "\x1b[32m✓ built\x1b[0m",
    ),
    Stage.PUBLISH: ("compiling", "uploading 3.24 MB"),
}
LASTED = {Stage.CHECKOUT: 640, Stage.INSTALL: 90, Stage.BUILD: 7300, Stage.PUBLISH: 5200}  # ms
BAD = ProblemDetail(Problem.PACKAGE_TOO_LARGE, {"package": "main", "size": 2580, "limit": 2048})
MISSED = Message("hint.alipay_not_experience", {"version": "26.11.22", "detail": "busy"})
_HOUR_MS = 3_600_000


def services_of(data: Path) -> ServiceContext:
    """Return the services of an existing data folder."""
    database = Database(sqlite_url(data / "mprelease.db"))
    vault = Vault(master_key(None, data / "master.key"))
    return ServiceContext(database, vault, _now, ZoneInfo("Asia/Shanghai"))


def add_sample_data(services: ServiceContext, key: str) -> str:
    """Fill an empty database; return under which key a QR code is shared."""
    admin = Actor("admin")
    for name in ("商城", "空项目", LONG_NAME):
        change = ProjectChange(
            name=name, repository="https://git.example.com/mall.git", default_branch="main"
        )
        projects.add(services, admin, change)
    for platform, (name, app_id) in APPS.items():
        new = AppChange(name=name, platform_app_id=app_id, credential=_credential(platform, key))
        apps.add(services, admin, "商城", platform, new)
    people = {
        VIEWER: Role.VIEWER,
        LIN.name: Role.MEMBER,
        "运维": Role.ADMIN,
        LONG_NAME: Role.MEMBER,
    }
    for name, role in people.items():
        users.add(services, admin, NewUser(name=name, role=role, password=PASSWORD))
    with services.database.writing() as db:
        workers.register(
            db, "builder-1", ["default", "intranet"], 2, "0.1.0", sandbox=SandboxMode.USER,
            sandbox_reason="bwrap: Creating new namespace failed: Operation not permitted",
        )  # fmt: skip
    return _happen(services)


def _credential(platform: Platform, key: str) -> bytes:
    return {
        Platform.WECHAT: key,
        Platform.ALIPAY: json.dumps({"toolId": "a" * 32, "privateKey": key}),
        Platform.DOUYIN: json.dumps({"token": "t" * 32}),
    }[platform].encode()


def _happen(services: ServiceContext) -> str:
    shown = released(services, Platform.WECHAT, Kind.PREVIEW, State.SUCCEEDED)
    for platform in Platform:
        released(services, platform, Kind.UPLOAD, State.SUCCEEDED)
    released(services, Platform.WECHAT, Kind.UPLOAD, State.FAILED, BAD)
    released(services, Platform.DOUYIN, Kind.UPLOAD, State.UNKNOWN)
    released(services, Platform.ALIPAY, Kind.PREVIEW, State.RUNNING)
    _requested(services, Platform.ALIPAY, Kind.UPLOAD)
    return shares.share(services, LIN, shown)


def _requested(services: ServiceContext, platform: Platform, kind: Kind) -> int:
    launch = LaunchOptions("pages/goods/detail", "id=42&from=test", 1011)
    shown = launch if kind is Kind.PREVIEW else LaunchOptions()
    wanted = ReleaseRequest(
        app=APPS[platform][0],
        kind=kind,
        ref=LONG_REF,
        description="新首页；修复在 iPhone 上无法支付的问题",
        **vars(shown),
    )
    return releases.request(services, LIN, wanted)


def released(
    services: ServiceContext,
    platform: Platform,
    kind: Kind,
    state: State,
    error: ProblemDetail | None = None,
) -> int:
    number = _requested(services, platform, kind)
    lease = queue.claim(services.database, number, "builder-1", f"token {number}", _HOUR_MS)
    assert lease
    is_good = state is State.SUCCEEDED
    with services.database.writing() as db:
        began = services.now() - sum(LASTED.values())
        queue.write(db, lease, commit=asdict(COMMIT), sizes=asdict(SIZES) if is_good else None)
        queue.write(db, lease, started_at=began)
        line = 0
        for stage, words in LINES.items():
            is_last = stage is Stage.PUBLISH
            lines = [
                LogLine(Position(1, line + index), services.now(), stage, text)
                for index, text in enumerate(words, 1)
            ]
            line += len(words)
            logs.append(db, number, lines)
            queue.start_stage(db, lease, stage, began)
            began += LASTED[stage]
            if not is_last or state.is_final:
                ended = StageState.SUCCEEDED if is_good or not is_last else StageState.FAILED
                queue.end_stage(db, lease, stage, ended, began, cached=stage is Stage.INSTALL)
        if is_good:
            image = draw_qr_code(f"https://example.com/trial?release={number}")
            stored.put_qr_code(db, number, image, "image/png", services.now())
        if is_good and platform is Platform.ALIPAY:
            queue.warn(db, lease, MISSED)
        if state.is_final:
            queue.end(db, lease, state, error)
    return number


def _now() -> int:
    return time.time_ns() // 1_000_000
