"""API, forms, command line and remote client take a release request from one record."""

from collections.abc import Mapping
from typing import Any

import pytest
import typer

from mprelease.cli import release
from mprelease.cli.remote import _body
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.schemas.fields import option_of
from mprelease.schemas.releases import NewRelease, ProjectReleases, ReleaseFields, ReleaseRequest

FIELDS = set(ReleaseFields.model_fields)
OF_PREVIEWS = {"start_page", "query", "scene"}
EVERYTHING = ReleaseRequest(
    kind=Kind.UPLOAD,
    ref="a" * 40,
    ref_name="main",
    version="1.2.3",
    description="words",
    robot=3,
    start_page="pages/index",
    query="a=1",
    scene=1011,
    compile_settings={"es6": False},
    priority=2,
    app="shop",
    idempotency_key="key",
)


def options_of(command: str) -> set[str]:
    commands = typer.Typer()
    commands.command()({"preview": release.preview, "upload": release.upload}[command])
    return {each.name or "" for each in typer.main.get_command(commands).params}


def test_the_api_takes_the_record(schemas: Mapping[str, Any]) -> None:
    assert set(schemas["NewRelease"]["properties"]) == FIELDS | {"app"}
    assert set(schemas["ProjectReleases"]["properties"]) == FIELDS | {"apps"}
    for name in ("NewRelease", "ProjectReleases"):
        assert "kind" in schemas[name]["required"]


@pytest.mark.parametrize(("command", "others"), [("preview", {"version"}), ("upload", OF_PREVIEWS)])
def test_the_command_line_takes_the_record(command: str, others: set[str]) -> None:
    options = {name for name in FIELDS if option_of(ReleaseFields, name)}
    # What is made is the command's name; the name of a commit is what pages know.
    assert FIELDS - options == {"kind", "ref_name"}
    own = {"name", "project", "qr_code", "follow", "json"}
    assert options_of(command) - {"help"} | {"install_completion", "show_completion"} == (
        options - others | own | {"install_completion", "show_completion"}
    )


def test_what_the_remote_client_sends_is_what_the_api_reads() -> None:
    sent = _body(EVERYTHING)
    assert sent.keys() == FIELDS
    read = ReleaseRequest.made_of(NewRelease.model_validate({**sent, "app": "shop"}), "key")
    assert read == EVERYTHING
    of_all = ReleaseRequest.made_of(ProjectReleases.model_validate(sent), "key")
    assert of_all.with_(app="shop").given() == EVERYTHING.given()


def test_a_form_is_read_as_it_was_typed() -> None:
    typed = {"ref": "main", "robot": "3", "scene": "1011", "start_page": "pages/index", "key": "x"}
    read = ReleaseRequest.of_form(typed, app="shop", kind=Kind.PREVIEW, compile_settings={})
    assert (read.ref, read.robot, read.launch) == (
        "main",
        3,
        LaunchOptions("pages/index", None, 1011),
    )
    assert read.environment == "production"


@pytest.mark.parametrize(
    "values", [{"robot": 2**60}, {"ref": "x" * 4001}, {"compile_settings": {"é": 1}}]
)
def test_a_value_outside_its_limits_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        ReleaseRequest.of(**values)
    assert refused.value.problem_detail.problem is Problem.FIELD_UNUSABLE
