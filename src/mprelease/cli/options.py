"""Options that several commands share, one by one and as records."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from mprelease.cli.translation import t
from mprelease.domain.apps import Environment
from mprelease.schemas.fields import Record, kind_of, option_of
from mprelease.schemas.validation import setting

Json = Annotated[bool, typer.Option("--json", help=t("option.json"))]
Follow = Annotated[bool, typer.Option("--follow", "-f", help=t("option.follow"))]
AppName = Annotated[str, typer.Argument(metavar="NAME", help=t("option.app"))]
OneApp = Annotated[str | None, typer.Argument(metavar="NAME", help=t("option.app"))]
ProjectName = Annotated[str, typer.Argument(metavar="NAME", help=t("option.project"))]
ReleaseId = Annotated[int, typer.Argument(metavar="ID", min=1, help=t("option.release"))]

_APP_ID = typer.Option("--app-id", help=t("option.app_id"))
AppId = Annotated[str, _APP_ID]
NewAppId = Annotated[str | None, _APP_ID]
_CREDENTIAL_FILE = typer.Option(metavar="FILE", help=t("option.credential_file"))
CredentialFile = Annotated[Path, _CREDENTIAL_FILE]
NewCredentialFile = Annotated[Path | None, _CREDENTIAL_FILE]
Page = Annotated[str | None, typer.Option("--page", help=t("option.page"))]
Query = Annotated[str | None, typer.Option("--query", help=t("option.query"))]
Scene = Annotated[int | None, typer.Option("--scene", help=t("option.scene"))]
Version = Annotated[str | None, typer.Option("--version", help=t("option.version"))]
Setting = Annotated[
    list[str] | None, typer.Option("--setting", metavar="KEY=VALUE", help=t("option.setting"))
]
QrCode = Annotated[Path | None, typer.Option("--qr-code", metavar="FILE", help=t("option.qr_code"))]


@dataclass(frozen=True)
class ReleaseOptions:
    """What every release can be told, and how it is shown."""

    project: Annotated[
        str | None, typer.Option("--project", "-p", metavar="NAME", help=t("option.all_apps"))
    ] = None
    ref: Annotated[str | None, typer.Option("--ref", help=t("option.ref"))] = None
    description: Annotated[str | None, typer.Option(help=t("option.description"))] = None
    environment: Annotated[Environment, typer.Option(help=t("option.environment"))] = (
        Environment.PRODUCTION
    )
    robot: Annotated[int | None, typer.Option(help=t("option.robot"))] = None
    setting: Setting = None
    priority: Annotated[int, typer.Option(help=t("option.priority"))] = 0
    qr_code: QrCode = None
    follow: Follow = False
    json: Json = False


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take the fields of its record `given` as options of its own."""
    signature = inspect.signature(command, eval_str=True)
    record = signature.parameters["given"].annotation

    @wraps(command)
    def spread_out(**typed: Any) -> None:
        values = {each.name: typed.pop(each.name) for each in options}
        command(**typed, given=_given(record, values))

    options = _options(record) if issubclass(record, Record) else _parameters(record)
    own = [each for each in signature.parameters.values() if each.name != "given"]
    together = [*own, *options]
    as_keywords = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in together]
    # What typer reads in place of the function's own parameters.
    vars(spread_out)["__signature__"] = signature.replace(parameters=as_keywords)
    return spread_out


def _parameters(record: Any) -> list[Parameter]:
    hints = get_type_hints(record, include_extras=True)
    return [
        Parameter(
            field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(record)
    ]


def _options(record: type[Record]) -> list[Parameter]:
    """Return an option for each field of a record that the command line takes."""
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(record, name))
        for name in record.model_fields
        if option_of(record, name)
    ]


def _annotation(record: type[Record], name: str) -> Any:
    option = option_of(record, name)
    assert option
    kind = kind_of(record, name)
    # A dictionary is given pair by pair, a list as one text.
    taken = {dict: list[str], list: str}.get(kind, kind)
    help_id = option.help or record.model_fields[name].description
    assert help_id
    return Annotated[
        taken | None, typer.Option(*option.flags, metavar=option.metavar, help=t(help_id))
    ]


def _given(record: Any, values: dict[str, Any]) -> Any:
    """Return the record of what was typed; Refused for what is outside its limits."""
    if not issubclass(record, Record):
        return record(**values)
    typed = {name: value for name, value in values.items() if value is not None}
    return record.of(**{name: _read(record, name, value) for name, value in typed.items()})


def _read(record: type[Record], name: str, value: Any) -> object:
    kind = kind_of(record, name)
    if kind is dict:
        return {key: text or None for key, text in map(setting, value)}
    return value.split() if kind is list else value
