"""A running release, for tests that need no database."""

from mprelease.domain.apps import Environment
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, LaunchOptions, Release, State

RUNNING = Release(
    id=7,
    app_id=3,
    app_name="shop",
    platform=Platform.WECHAT,
    kind=Kind.PREVIEW,
    state=State.RUNNING,
    ref="main",
    environment=Environment.PRODUCTION,
    robot=1,
    version=None,
    description="",
    launch=LaunchOptions(),
    compile_settings={},
    requested_by="林",
    created_at=0,
    started_at=0,
    ended_at=None,
    attempt=1,
    commit=None,
    sizes=None,
    error=None,
    failed_stage=None,
    warnings=(),
    stages=(),
)
