"""The engine is tested on every kind of database, with a quick pipeline."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from databases import KINDS
from mprelease.domain.platforms import Platform
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.services import apps, projects
from mprelease.services.context import ServiceContext
from worker_pool import WorkerPool


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def pool(
    services: ServiceContext, developer: Actor, upload_key: str, tmp_path: Path
) -> Iterator[WorkerPool]:
    projects.add(
        services,
        developer,
        ProjectChange(name="web", repository="/srv/web.git", default_branch="main"),
    )
    for number in (1, 2, 3):
        new = AppChange(
            name=f"shop-{number}",
            platform_app_id=f"wx012345678901234{number}",
            credential=upload_key.encode(),
        )
        apps.add(services, developer, "web", Platform.WECHAT, new)
    ticking = replace(services, now=lambda: time.time_ns() // 1_000_000)
    made = WorkerPool(ticking, tmp_path, developer)
    yield made
    made.end()
