"""The form of an app: what its fields show, and what they change."""

from collections.abc import Mapping
from types import MappingProxyType

from mprelease.domain.apps import App, ProjectType
from mprelease.domain.platforms import Platform
from mprelease.platforms.registry import driver_of
from mprelease.platforms.settings import Setting
from mprelease.services.apps import AppChange
from mprelease.web.fields import number, settings_shown, settings_typed


def change_of(
    typed: dict[str, str],
    platform: Platform,
    files: Mapping[str, bytes],
    stored_settings: Mapping[str, Setting] = MappingProxyType({}),
) -> AppChange:
    """Return what a form with these fields and files changes of an app."""
    names = ("name", "platform_app_id", "directory", "output", "default_page", "proxy", "label")
    commands = ("install_command", "build_command", "dev_build_command", "install_inputs")
    private = typed.get("private_dependencies")
    project_type = typed.get("project_type")
    return AppChange(
        **{name: typed.get(name) for name in (*names, *commands)},
        project_type=ProjectType(project_type) if project_type in set(ProjectType) else None,
        node_memory=number(typed.get("node_memory")),
        robot=number(typed.get("robot")),
        revision=number(typed.get("revision")),
        compile_settings=settings_typed(typed, driver_of(platform).settings, stored_settings),
        private_dependencies=None if private is None else private == "true",
        fresh_install=True if typed.get("fresh_install") == "true" else None,
        credential=_credential(typed, platform, files),
    )


def _credential(
    typed: dict[str, str], platform: Platform, files: Mapping[str, bytes]
) -> bytes | None:
    form = driver_of(platform).presentation.credential
    names = {each.name for each in form.fields}
    given = {name: typed[name].strip().encode() for name in names & typed.keys()}
    return form.content({**given, **files})


def as_typed(app: App) -> dict[str, str]:
    """Return the fields of the form that show an app."""
    build = app.build
    known: dict[str, object] = {
        "name": app.name,
        "platform_app_id": app.platform_app_id,
        "project_type": app.project_type,
        "directory": build.directory,
        "install_command": build.install_command,
        "build_command": build.build_command,
        "dev_build_command": build.dev_build_command,
        "output": build.output,
        "node_memory": build.node_memory,
        "install_inputs": " ".join(build.install_inputs),
        "private_dependencies": "true" if build.private_dependencies else "false",
        "default_page": app.default_page,
        "robot": app.robot,
        "proxy": app.proxy,
        "label": app.label,
        "revision": app.revision,
    }
    shown = {name: "" if value is None else str(value) for name, value in known.items()}
    settings = driver_of(app.platform).settings
    return shown | settings_shown(build.compile_settings, settings)
