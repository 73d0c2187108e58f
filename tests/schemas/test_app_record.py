"""API, form and command line have the fields of an app from one record, and store what it says."""

import ast
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from mprelease.cli import app as app_commands
from mprelease.domain.apps import BundlerCache
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.i18n import Language, Translator
from mprelease.schemas.apps import App, AppChange, AppFields, BuildSettings
from mprelease.schemas.fields import Checked, option_of, shown
from mprelease.web.api.app_models import AppModel, AppSettings, NewApp

SOURCE = Path(__file__).parents[2] / "src" / "mprelease"
FIELDS = set(AppFields.model_fields)
STORED = {one.name for kind in (App, BuildSettings) for one in fields(kind)}
# What is not stored as it is given: a wish becomes a time, a credential has a table of its own.
DONE = {"fresh_install", "credential"}
# Where the fields stand as what they are: the stored app, and the record of a change.
HOME = "schemas/apps.py"


def names_in(path: Path) -> set[str]:
    """The names that a module gives to arguments, fields and keys."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.keyword(arg=str(name)) | ast.arg(arg=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Constant(value=str(name)):
                found.add(name)
    return found


def options_of(command: str) -> set[str]:
    group = typer.main.get_command(app_commands.commands)
    assert isinstance(group, TyperGroup)
    return {each.name or "" for each in group.commands[command].params}


def test_every_field_is_stored_or_done() -> None:
    assert FIELDS - DONE <= STORED
    assert {one.name for one in fields(BuildSettings)} - {"installed_from"} <= FIELDS


def test_the_api_takes_the_record(schemas: Mapping[str, Any]) -> None:
    assert set(schemas["AppChange"]["properties"]) == set(AppChange.model_fields)
    assert set(schemas["NewApp"]["properties"]) == set(NewApp.model_fields)


def test_the_api_shows_what_the_record_sets() -> None:
    known = set(AppSettings.model_fields)
    assert known == FIELDS - {"fresh_install"} | {"project", "platform", "revision"}
    assert AppModel.model_fields.keys() < known


@pytest.mark.parametrize("command", ["add", "edit"])
def test_the_command_line_takes_the_record(command: str) -> None:
    options = {name for name in FIELDS if option_of(AppFields, name)}
    assert FIELDS - options == {"name", "platform_app_id", "credential"}
    own = {"name", "app_id", "credential_file", "json"}
    own |= {"project", "platform"} if command == "add" else {"new_name"}
    assert options_of(command) - {"help"} == options | own


@pytest.mark.parametrize("name", sorted(FIELDS - {"name"}))
def test_every_field_has_its_help_in_the_document(name: str, schemas: Mapping[str, Any]) -> None:
    description = AppFields.model_fields[name].description
    assert description
    t = Translator(Language.ENGLISH)
    described = schemas["AppChange"]["properties"][name]["description"]
    assert described.startswith(t(description))
    assert t(description) != description


def test_no_other_module_lists_the_settings_of_a_build() -> None:
    settings = {one.name for one in fields(BuildSettings)} & FIELDS
    lists = {
        str(path.relative_to(SOURCE)): sorted(named)
        for path in SOURCE.rglob("*.py")
        if len(named := names_in(path) & settings) > len({"one", "two"})
    }
    assert lists.keys() == {HOME}, lists


@pytest.mark.parametrize("name", sorted(FIELDS - {"compile_settings", "credential"}))
def test_what_a_form_shows_is_what_it_reads(name: str) -> None:
    values: dict[str, Any] = {
        "project_type": "miniGame",
        "node_memory": 2048,
        "robot": 7,
        "install_inputs": ["scripts/*", "tools"],
        "robot_names": ["1 a test", "2 预发"],
        "robot_rules": ["release/* → 2", "main → 1"],
        "size_budgets": ["main 1.8 MB", "* 900 KB"],
        "private_dependencies": False,
        "bundler_cache": BundlerCache.ON,
        "always_build": True,
        "renew_shared_codes": True,
        "fresh_install": True,
    }
    change = AppChange(**{name: values.get(name, "a text")})
    typed = {name: shown(AppChange, name, getattr(change, name))}
    read = AppChange.of_form(typed, compile_settings={}, credential=None)
    assert read.given() == change.given()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"build_command": "x" * 4001}, "build_command"),
        ({"robot": 2**60}, "robot"),
        ({"install_inputs": ["x" * 4001]}, "install_inputs.0"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_value_outside_its_limits_is_refused_by_its_name(
    values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        AppChange.of(**values)
    detail = refused.value.problem_detail
    assert (detail.problem, detail.parameters["field"]) == (Problem.FIELD_UNUSABLE, field)


@pytest.mark.parametrize("credential", [b"\xff\x00", "text", {"token": "a"}])
def test_a_credential_is_a_file_a_text_or_its_parts(credential: Any) -> None:
    content = AppChange(credential=credential).credential_file()
    expected = {"text": b"text"}.get(credential) if isinstance(credential, str) else None
    expected = expected or (credential if isinstance(credential, bytes) else b'{"token": "a"}')
    assert content == expected


def test_a_credential_is_in_no_text_of_a_record() -> None:
    assert "secret" not in repr(AppChange(credential="secret"))
    with pytest.raises(Refused) as refused:
        AppChange.of(credential=["secret"])
    assert "secret" not in str(refused.value.problem_detail)


def test_an_empty_text_clears_only_what_can_be_recognised() -> None:
    clearing = {
        name
        for name, field in AppFields.model_fields.items()
        if any(isinstance(one, Checked) and one.clears for one in field.metadata)
    }
    optional = {one.name for one in fields(BuildSettings) if one.default is None} - {"node_memory"}
    assert clearing == optional | {"start_page", "proxy"}


def test_the_form_has_the_fields_of_the_record() -> None:
    page = (SOURCE / "web" / "templates" / "app_form.html").read_text(encoding="utf-8")
    named = set(re.findall(r"""(?:name="|(?:field|lines)\(t, ')([a-z_]+)['"]""", page))
    apart = {"compile_settings", "credential"}
    assert set(AppChange.model_fields) - apart <= named
