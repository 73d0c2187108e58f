"""Options that several commands share: single ones, and those made from the fields of a record."""

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from mprelease.cli.translation import t
from mprelease.domain.platforms import Platform

if TYPE_CHECKING:
    from mprelease.schemas.fields import Record

Json = Annotated[bool, typer.Option("--json", help=t("option.json"))]
Follow = Annotated[bool, typer.Option("--follow", "-f", help=t("option.follow"))]
AppName = Annotated[str, typer.Argument(metavar="NAME", help=t("option.app"))]
OneApp = Annotated[str | None, typer.Argument(metavar="NAME", help=t("option.app"))]
ProjectName = Annotated[str, typer.Argument(metavar="NAME", help=t("option.project"))]
ReleaseId = Annotated[int, typer.Argument(metavar="ID", min=1, help=t("option.release"))]


def _served_platform(name: str) -> Platform:
    # Importing the drivers takes a tenth of a second, and most commands do not need them.
    from mprelease.platforms.registry import served, served_by_name

    platform = served_by_name(name)
    if platform is None:
        raise ValueError(f"{name!r} is not one of {', '.join(map(repr, map(str, served())))}.")
    return platform


_PLATFORMS = "<" + "|".join(Platform) + ">"
DEFAULT_PLATFORM = next(iter(Platform))
PlatformOption = Annotated[
    Platform,
    typer.Option(parser=_served_platform, metavar=_PLATFORMS, help=t("option.platform")),
]
PlatformArgument = Annotated[
    Platform,
    typer.Argument(parser=_served_platform, metavar=_PLATFORMS, help=t("option.platform")),
]

_APP_ID = typer.Option("--app-id", help=t("option.app_id"))
AppId = Annotated[str, _APP_ID]
NewAppId = Annotated[str | None, _APP_ID]
_CREDENTIAL_FILE = typer.Option(metavar="FILE", help=t("option.credential_file"))
CredentialFile = Annotated[Path, _CREDENTIAL_FILE]
NewCredentialFile = Annotated[Path | None, _CREDENTIAL_FILE]
AllApps = Annotated[
    str | None, typer.Option("--project", "-p", metavar="NAME", help=t("option.all_apps"))
]
QrCode = Annotated[Path | None, typer.Option("--qr-code", metavar="FILE", help=t("option.qr_code"))]


class Without:
    """Fields of a record that are not options of a command."""

    def __init__(self, *names: str) -> None:
        """Take the names of the fields."""
        self.names = names


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option to a command for each field of its parameter `given`, a record."""
    from mprelease.schemas.fields import option_of

    signature = inspect.signature(command, eval_str=True)
    record, without = _record(signature.parameters["given"].annotation)
    names = [
        name for name in record.model_fields if option_of(record, name) and name not in without
    ]
    required = {name for name, field in record.model_fields.items() if field.is_required()}

    @wraps(command)
    def spread_out(**typed: Any) -> None:
        values = {name: typed.pop(name) for name in names}
        given = {name: value for name, value in values.items() if value is not None}
        read = {name: _read(record, name, value) for name, value in given.items()}
        # A required field may be an argument of the command itself.
        read |= {name: typed[name] for name in required & typed.keys()}
        command(**typed, given=record.of(**read))

    own = [each for each in signature.parameters.values() if each.name != "given"]
    together = [*own, *(_option(record, name) for name in names)]
    as_keywords = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in together]
    # Typer reads the signature from here.
    vars(spread_out)["__signature__"] = signature.replace(parameters=as_keywords)
    return spread_out


def _record(annotation: Any) -> "tuple[type[Record], tuple[str, ...]]":
    if get_origin(annotation) is not Annotated:
        return annotation, ()
    record, without = get_args(annotation)
    return record, without.names


def _option(record: "type[Record]", name: str) -> Parameter:
    """Return the parameter from which Typer makes the option; its value is None if not given."""
    from mprelease.schemas.fields import kind_of, option_of

    option, field, kind = option_of(record, name), record.model_fields[name], kind_of(record, name)
    assert option
    # For a dictionary the option is repeated for each pair; a list is one text.
    taken: Any = {dict: list[str], list: str}.get(kind, kind)
    help_id = option.help or field.description
    assert help_id
    shown = typer.Option(*option.flags, metavar=option.metavar, help=t(help_id))
    if field.is_required():
        return Parameter(name, Parameter.KEYWORD_ONLY, annotation=Annotated[taken, shown])
    annotation: Any = Annotated[taken | None, shown]
    default = None if kind is dict else field.default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _read(record: "type[Record]", name: str, value: Any) -> object:
    from mprelease.schemas.fields import entries, kind_of, option_of
    from mprelease.schemas.validation import setting

    option, kind = option_of(record, name), kind_of(record, name)
    if kind is dict:
        clears = option and option.clears
        return {key: text or None if clears else text for key, text in map(setting, value)}
    return entries(record, name, value) if kind is list else value
