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
from mprelease.domain.apps import Environment, ProjectType
from mprelease.domain.platforms import Platform

Json = Annotated[bool, typer.Option("--json", help=t("option.json"))]
Follow = Annotated[bool, typer.Option("--follow", "-f", help=t("option.follow"))]
AppName = Annotated[str, typer.Argument(metavar="NAME", help=t("option.app"))]
OneApp = Annotated[str | None, typer.Argument(metavar="NAME", help=t("option.app"))]
ProjectName = Annotated[str, typer.Argument(metavar="NAME", help=t("option.project"))]
ReleaseId = Annotated[int, typer.Argument(metavar="ID", min=1, help=t("option.release"))]


def _served_platform(name: str) -> Platform:
    # The drivers take a tenth of a second to load, and most commands need none.
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


@dataclass(frozen=True)
class AppOptions:
    """How an app is built and released, when it is added and when it is changed."""

    type_: Annotated[ProjectType | None, typer.Option("--type", help=t("option.type"))] = None
    directory: Annotated[str | None, typer.Option(help=t("option.directory"))] = None
    install_command: Annotated[str | None, typer.Option(help=t("option.install_command"))] = None
    build_command: Annotated[str | None, typer.Option(help=t("option.build_command"))] = None
    dev_build_command: Annotated[str | None, typer.Option(help=t("option.dev_build_command"))] = (
        None
    )
    output: Annotated[str | None, typer.Option(help=t("option.output"))] = None
    setting: Setting = None
    node_memory: Annotated[
        int | None, typer.Option(metavar="MIB", help=t("option.node_memory"))
    ] = None
    install_inputs: Annotated[
        str | None, typer.Option(metavar="PATTERNS", help=t("option.install_inputs"))
    ] = None
    private_dependencies: Annotated[
        bool | None,
        typer.Option(
            "--private-dependencies/--shared-dependencies", help=t("option.private_dependencies")
        ),
    ] = None
    fresh_install: Annotated[
        bool | None, typer.Option("--fresh-install", help=t("option.fresh_install"))
    ] = None
    default_page: Annotated[str | None, typer.Option(help=t("option.default_page"))] = None
    robot: Annotated[int | None, typer.Option(help=t("option.default_robot"))] = None
    proxy: Annotated[str | None, typer.Option(metavar="URL", help=t("option.proxy"))] = None
    label: Annotated[str | None, typer.Option(help=t("option.label"))] = None
    json: Json = False


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take the fields of its record `given` as options of its own."""
    signature = inspect.signature(command, eval_str=True)
    record = signature.parameters["given"].annotation

    @wraps(command)
    def spread_out(**typed: Any) -> None:
        given = record(**{field.name: typed.pop(field.name) for field in fields(record)})
        command(**typed, given=given)

    own = [each for each in signature.parameters.values() if each.name != "given"]
    together = [*own, *_parameters(record)]
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
