"""Tables, JSON, forms, addresses and options have the same word for the same thing."""

import re
from pathlib import Path
from typing import Any, cast

import typer

import mprelease
from mprelease.cli import release
from mprelease.schemas.release_document import ReleaseModel
from mprelease.schemas.releases import ReleaseFields
from mprelease.storage.tables import metadata
from mprelease.web.api.openapi import document
from mprelease.web.app import create_app
from mprelease.web.context import WebContext

APP = create_app(cast("WebContext", None))
TEMPLATES = Path(mprelease.__file__).parent / "web/templates"
# What else each of these things has been called, or might be.
OTHER_WORDS = {
    "requested_by": {"by", "publisher", "requester", "requested"},
    "releases": {"tasks", "jobs"},
    "compile_settings": {"settings", "project_settings", "build_settings"},
    "platform_app_id": {"appid", "appId", "vendor_app_id"},
    "ref": {"branch", "revision_name", "git_ref"},
    "started_at": {"began", "begun", "begun_at", "started"},
    "ended_at": {"ended", "finished_at", "done_at"},
    "users": {"people", "persons", "members"},
    "start_page": {"page", "default_page", "launch_page"},
    "app": {"application", "mini_program"},
    "credential": {"secret_key", "private_key", "upload_key"},
    "action": {"deed", "event"},
}
NOT_USED = frozenset().union(*OTHER_WORDS.values())
COLUMNS = {name: set(table.c.keys()) for name, table in metadata.tables.items()}


def keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(keys, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own.union(*map(keys, schema.values()))


def test_columns_and_tables() -> None:
    assert NOT_USED.isdisjoint(COLUMNS.keys() | set().union(*COLUMNS.values()))


def test_keys_of_the_api_and_parts_of_its_addresses() -> None:
    described = document(APP)
    parts = {part for path in described["paths"] for part in re.findall(r"\w+", path)}
    parameters = {
        parameter["name"]
        for path in described["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", ())
    }
    # The address of an app's own settings, all of them.
    assert NOT_USED & (keys(described["components"]) | parameters) == set()
    assert NOT_USED & parts == {"settings"}


def test_names_of_form_fields() -> None:
    pages = [page.read_text(encoding="utf-8") for page in TEMPLATES.glob("*.html")]
    named = {
        name for page in pages for name in re.findall(r"""(?:name="|field\(t, ')(\w+)""", page)
    }
    assert ReleaseFields.model_fields.keys() - {"kind", "priority", "compile_settings"} <= named
    assert NOT_USED.isdisjoint(named)


def test_a_release_has_the_same_words_in_its_table_its_document_and_its_request() -> None:
    columns = COLUMNS["releases"]
    # Rows of their own, and what is read from several columns.
    apart = {"app", "format", "platform", "stages", "has_qr_code", "robot_name"}
    assert ReleaseModel.model_fields.keys() - apart <= columns
    assert ReleaseFields.model_fields.keys() <= columns


def test_options_of_a_release_are_its_fields() -> None:
    commands = typer.Typer()
    commands.command()(release.preview)
    options = {each.name for each in typer.main.get_command(commands).params}
    assert NOT_USED.isdisjoint(options)
