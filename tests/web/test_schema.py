"""Whatever a program may send, the API answers as its OpenAPI document says, and never breaks."""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.domain.users import Role
from mprelease.services import sessions, users
from mprelease.storage import logs, workers
from mprelease.storage import releases as stored
from mprelease.web.api.openapi import document
from mprelease.web.app import create_app
from mprelease.web.context import WebContext
from web_clients import NAMES, Site

pytestmark = [pytest.mark.lasting, pytest.mark.parametrize("kind", ["sqlite"])]

Cases = SearchStrategy[Case]
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
EXAMPLES = 6
# Values that exist on the site, in place of generated ones of the right form.
FITTING = {
    "app": "shop",
    "project": "web",
    "platform": "wechat",
    "platform_app_id": "wx0123456789abcdef",
    "project_type": "miniProgram",
    "repository": "https://git.example/web.git",
    "default_branch": "main",
    "ref": "main",
    "name": "another",
    "role": "viewer",
    "password": None,
    "version": None,
    "start_page": "pages/index",
    "directory": "client",
    "output": "dist",
    "query": "a=1",
    "scene": 1011,
    "robot": 2,
    "priority": 1,
    "node_memory": 2048,
    "proxy": "",
    "label": "intranet",
    "credential": None,
}
# 422 also tells what a schema cannot, such as the ranges of a platform.
EXCLUDED = [positive_data_acceptance]
# With what may be refused that the document forbids; 5xx are not among them.
REFUSED = {"expected-statuses": ["403", "404", "405", "409", "413", "422"]}


@cache
def described() -> Mapping[str, Any]:
    """The schema, without users; made at the first use, which takes a while."""
    return document(create_app(cast("WebContext", None)))


def bearer(site: Site, role: Role) -> dict[str, str]:
    with site.services.database.reading() as db:
        user = users.by_name(db, NAMES[role])
    return {"Authorization": f"Bearer {sessions.add_token(site.services, user, 'ci', 7)}"}


def there_is(site: Site) -> Mapping[str, dict[str, Any]]:
    """Values of the path parameters that exist on this site."""
    with site.services.database.reading() as db:
        member = users.by_name(db, NAMES[Role.MEMBER])
    return {
        "{release_id}": {"release_id": site.first},
        "/projects/{name}": {"name": "web"},
        "/apps/{name}": {"name": "shop"},
        "/workers/{name}": {"name": "here"},
        "{user_id}": {"user_id": member.id},
    }


def fitting(case: Case) -> Case:
    """Replace placeholders with values that exist on the site."""
    if isinstance(case.body, dict):
        case.body |= {name: FITTING[name] for name in case.body if name in FITTING}
    return case


def takes_more_than_a_path(method: str, path: str) -> bool:
    operation = described()["paths"][path][method.lower()]
    others = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
    return bool(others) or "requestBody" in operation


def can_be_wrong(method: str, path: str) -> bool:
    """Whether the document forbids anything: a name is any text."""
    return "_id}" in path or takes_more_than_a_path(method, path)


def strategies(operation: APIOperation, mode: GenerationMode, known: dict[str, Any]) -> list[Cases]:
    if mode is POSITIVE:
        filled = operation.as_strategy(mode, path_parameters=known or None)
        return [filled.map(fitting), operation.as_strategy(mode)]
    is_filled = takes_more_than_a_path(operation.method, operation.path)
    gaps = known if is_filled else None
    return [operation.as_strategy(mode, path_parameters=gaps or None)]


@pytest.fixture
def filled_site(site: Site) -> Site:
    """A site with rows for every kind of answer."""
    line = LogLine(Position(1, 1), site.services.now(), Stage.BUILD, "vite v5 构建中…")
    with site.services.database.writing() as db:
        logs.append(db, site.first, [line])
        stored.put_qr_code(db, site.first, b"\x89PNG", "image/png", site.services.now())
        workers.register(db, "here", ["default"], 2, "0.1.0")
    return site


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": REFUSED}})
    # Who may come in is asked elsewhere; here everybody does, or nothing else would be asked.
    open_to_all = {key: value for key, value in described().items() if key != "security"}
    return schemathesis.openapi.from_dict(open_to_all, config=config)


def hold(cases: Cases, headers: Mapping[str, str]) -> None:
    """Send each of these cases, and hold its answer against the document."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def holds(case: Case) -> None:
        case.call_and_validate(headers=dict(headers), excluded_checks=EXCLUDED)

    holds()


def hold_all(
    site: Site,
    schema: BaseSchema,
    operations: list[tuple[str, str]],
    mode: GenerationMode,
    role: Role = Role.SUPER_ADMIN,
) -> None:
    there = there_is(site)
    for method, path in operations:
        operation = schema[path][method]
        operation.app = site.app
        known = next((given for part, given in there.items() if part in path), {})
        for cases in strategies(operation, mode, known):
            # Whoever resets the own password has no other token left.
            hold(cases, bearer(site, role))


def of(method: str) -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, methods in described()["paths"].items()
        if method.lower() in methods
    ]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_what_the_document_allows_is_answered_as_it_says(
    filled_site: Site, schema: BaseSchema, method: str
) -> None:
    hold_all(filled_site, schema, of(method), POSITIVE)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_what_the_document_forbids_is_refused(
    filled_site: Site, schema: BaseSchema, method: str
) -> None:
    hold_all(filled_site, schema, [one for one in of(method) if can_be_wrong(*one)], NEGATIVE)


def test_a_viewers_program_is_answered_as_the_document_says(
    filled_site: Site, schema: BaseSchema
) -> None:
    hold_all(filled_site, schema, of("GET"), POSITIVE, Role.VIEWER)
