"""A site with one project, one app, one release, and users of each role.

Pages and API are tested on SQLite: their queries are those of services and storage, whose tests run
on every kind of database. A test of a page that depends on the kind of database uses KINDS.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest
from fastapi import FastAPI

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.domain.users import Actor
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.live.hub import Hub
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.security import passwords
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext
from mprelease.storage import users
from mprelease.web.app import create_app
from mprelease.web.context import WebContext
from mprelease.web.live_source import StoredState
from web_clients import NAMES, PASSWORD, Site

# The answers of the simulated workers.
WORKER_ANSWERS: Mapping[WorkerQueryKind, Mapping[str, object]] = {
    WorkerQueryKind.REFS: {"branches": ["main", "feature/<b>"], "tags": []},
    WorkerQueryKind.COMMITS: {
        "commits": [
            {"id": letter * 40, "author": "林", "subject": subject, "time": 0}
            for letter, subject in (("c", "修复支付"), ("b", "</textarea><b>"), ("a", "Begin"))
        ]
    },
    WorkerQueryKind.CHECK: {"app_id": "wx0123456789abcdef"},
    WorkerQueryKind.TRIAL_VERSION: {"version": "1.0.0"},
    WorkerQueryKind.FINISH: {"version": "1.0.0"},
    WorkerQueryKind.ADDRESS: {"address": "203.0.113.9"},
}


@pytest.fixture(scope="session")
def hashed_password() -> str:
    """The hash of the password of all users: hashing is slow on purpose."""
    return passwords.hashed(PASSWORD)


@pytest.fixture(scope="session")
def application() -> FastAPI:
    """The application of all sites, one after the other: FastAPI takes a while for its routes."""
    return create_app(cast("WebContext", None))


@pytest.fixture
def site(
    services: ServiceContext, upload_key: str, hashed_password: str, application: FastAPI
) -> Site:
    ticking = replace(services, now=lambda: time.time_ns() // 1_000_000)
    boss = Actor("admin")
    with ticking.database.writing() as db:
        for role, name in NAMES.items():
            users.add(db, name, role, hashed_password, ticking.now())
    projects.add(
        ticking, boss, ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    )
    new = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    apps.add(ticking, boss, "web", Platform.WECHAT, new)
    first = releases.request(ticking, boss, ReleaseRequest(app="shop", kind=Kind.PREVIEW))

    def ask(
        label: str, query: WorkerQuery, *, seconds: float, max_age: float
    ) -> Mapping[str, object]:
        if query.subject == "nobody":
            raise Refused(Problem.NO_WORKER, label=label)
        return WORKER_ANSWERS[query.kind]

    context = WebContext(ticking, ask, None, lambda: True, Hub(StoredState(ticking)))
    application.state.context = context
    # Some tests register a platform of their own, which the document describes.
    application.openapi_schema = None
    return Site(application, ticking, first)
