"""The OpenAPI document: FastAPI's, with security schemes and the responses of all routes."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.i18n import Language, Translator
from mprelease.platforms.registry import driver_of, served
from mprelease.web.api.refusals import described
from mprelease.web.http_status import UNUSABLE, status_of
from mprelease.web.identity import COOKIE, CSRF_HEADER

_ABOUT = (
    "Releases, projects, apps, people, workers and the audit, for programs. Times are ISO 8601 in "
    "UTC. Refusals have one shape: the name of the problem, what happened, and what to do, in the "
    "language that the profile or `Accept-Language` wishes: Chinese or English."
)
_SECURITY_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A personal token, made on the profile page; it may what its owner may.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": (
            "The login of a browser. Whatever is not GET must also carry the header "
            f"`{CSRF_HEADER}` with the secret of the login's forms."
        ),
    },
}
_HELP_TEXTS = ("option.", "field.")
_REPLACED_SCHEMAS = ("HTTPValidationError", "ValidationError")


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application; it is created once."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def methods(app: FastAPI, address: str) -> list[str]:
    """List the methods that a path of the API supports."""
    paths = document(app)["paths"]
    return sorted({name.upper() for path in paths if _fits(path, address) for name in paths[path]})


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    made["components"]["securitySchemes"] = _SECURITY_SCHEMES
    made["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    for path in made["paths"].values():
        for method, operation in path.items():
            _add_common_responses(method, operation)
    for name in _REPLACED_SCHEMAS:
        made["components"]["schemas"].pop(name, None)
    for schema in made["components"]["schemas"].values():
        _spell_out_descriptions(schema)
    return made


def _spell_out_descriptions(schema: dict[str, Any]) -> None:
    """Replace the descriptions of a record's fields, which are catalog ids, by English texts."""
    t = Translator(Language.ENGLISH)
    for field in schema.get("properties", {}).values():
        if field.get("description", "").startswith(_HELP_TEXTS):
            field["description"] = t(field["description"])
    credential = schema.get("properties", {}).get("credential", {})
    if credential.get("writeOnly"):
        of_platforms = ". ".join(_credential_shape(platform) for platform in served())
        credential["description"] += f" {of_platforms}."


def _credential_shape(platform: Platform) -> str:
    """Describe the JSON value of a platform's credential."""
    form = driver_of(platform).presentation.credential
    names = ", ".join(f"`{each.name}`" for each in form.fields)
    return f"{platform}: {f'an object with some of {names}' if form.is_object else 'a text'}"


def _add_common_responses(method: str, operation: dict[str, Any]) -> None:
    operation["summary"] = operation.pop("description")
    _add(operation, Problem.LOGIN_NEEDED)
    if method != "get":
        _add(operation, Problem.FORBIDDEN)
        _add(operation, Problem.FORM_OUTDATED)
    if "parameters" in operation or "requestBody" in operation:
        _add(operation, Problem.FIELD_UNUSABLE)
        _add(operation, Problem.VALUE_UNUSABLE)
    if "requestBody" in operation:
        _add(operation, Problem.BODY_TOO_LARGE)
    _add(operation, Problem.DATABASE_UNUSABLE)
    _add(operation, Problem.DATABASE_BUSY)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _add(operation: dict[str, Any], problem: Problem) -> None:
    status = str(status_of(problem))
    known = operation["responses"].get(status, {})
    if status == str(UNUSABLE) and "HTTPValidationError" in str(known):
        known = {}
    if f"`{problem}`" not in known.get("description", ""):
        shape = {"$ref": "#/components/schemas/RefusalModel"}
        operation["responses"][status] = {
            "description": described(known, problem),
            "content": {"application/json": {"schema": shape}},
        }


def _fits(path: str, address: str) -> bool:
    pattern = "[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]+\}", path))
    return re.fullmatch(pattern, address) is not None
