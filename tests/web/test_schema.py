"""Whatever a program may send, the API answers as its OpenAPI document says, and never breaks."""

from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from guests import NAMES, World
from mprelease.domain.people import Role
from mprelease.services import door, users
from mprelease.web.api.document import document
from mprelease.web.app import made
from mprelease.web.hall import Hall

pytestmark = [pytest.mark.lasting, pytest.mark.parametrize("kind", ["sqlite"])]

# The document says what there is without anybody in the house.
DOCUMENT = document(made(cast("Hall", None)))
OPERATIONS = [
    (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
]
EXAMPLES = 8
# 422 also tells what a schema cannot, such as the ranges of a platform.
EXCLUDED = [positive_data_acceptance]
# With what may be refused that the document forbids; 5xx are not among them.
REFUSED = {"expected-statuses": ["403", "404", "405", "409", "413", "422"]}


def bearer(world: World, role: Role) -> dict[str, str]:
    with world.house.database.reading() as db:
        user = users.named(db, NAMES[role])
    return {"Authorization": f"Bearer {door.add_token(world.house, user, 'ci', 7)}"}


def there_is(world: World, path: str) -> dict[str, Any]:
    """What the gaps of a path stand for in this house, so that not all is not found."""
    with world.house.database.reading() as db:
        member = users.named(db, NAMES[Role.MEMBER])
    known = {
        "{release_id}": {"release_id": world.first},
        "/projects/{name}": {"name": "web"},
        "/apps/{name}": {"name": "shop"},
        "{user_id}": {"user_id": member.id},
    }
    return next((given for part, given in known.items() if part in path), {})


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": REFUSED}})
    # Who may come in is asked elsewhere; here everybody does, or nothing else would be asked.
    open_to_all = {key: value for key, value in DOCUMENT.items() if key != "security"}
    return schemathesis.openapi.from_dict(open_to_all, config=config)


def sent(world: World, operation: APIOperation, mode: GenerationMode, role: Role) -> None:
    """Send what the document allows, or what it forbids, and hold every answer against it."""
    operation.app = world.app
    headers = bearer(world, role)
    known = there_is(world, operation.path)
    for gaps in (known, {}) if known else ({},):

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode, path_parameters=gaps or None))
        def holds(case: Case) -> None:
            case.call_and_validate(headers=headers, excluded_checks=EXCLUDED)

        holds()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_administrators_program_is_answered_as_the_document_says(
    world: World, schema: BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    sent(world, schema[path][method], mode, Role.SUPER_ADMIN)


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "GET"])
def test_a_viewers_program_is_answered_as_the_document_says(
    world: World, schema: BaseSchema, path: str
) -> None:
    sent(world, schema[path]["GET"], GenerationMode.POSITIVE, Role.VIEWER)
