"""`mprelease doctor`: check this machine, and explain how to install what is missing."""

import platform as machine
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from mprelease import __version__
from mprelease.cli import show
from mprelease.cli.options import Json
from mprelease.cli.startup import opening
from mprelease.cli.translation import t
from mprelease.domain.errors import ProblemError
from mprelease.domain.platforms import Platform
from mprelease.domain.sandbox import SandboxMode

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.process.programs import RequiredProgram

_MARKS = {"ok": "✔", "warning": "!", "missing": "✘"}
_LITTLE_DISK_GB = 5


@dataclass(frozen=True)
class Finding:
    """The result of one check; `status` is `ok`, `warning` or `missing`."""

    name: str
    status: str
    detail: str


def doctor(*, json: Json = False) -> None:
    """Check the machine; exit with 1 if a release could not run here."""
    with opening() as application:
        findings = list(_findings(application))
    if json:
        show.as_json([show.plain(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{_MARKS[finding.status]} {finding.name:17} {finding.detail}")
    if any(finding.status == "missing" for finding in findings):
        raise typer.Exit(1)


def _findings(application: "Application") -> Iterator[Finding]:
    from mprelease.platforms.registry import served
    from mprelease.process.programs import GIT, NODE, NPM

    yield Finding("mprelease", "ok", __version__)
    yield Finding("Python", "ok", f"{machine.python_version()} ({sys.executable})")
    for wanted in (GIT, NODE, NPM):
        yield _program(application, wanted)
    yield _checked("sandbox", lambda: _sandbox(application))
    yield _checked("build-uids", lambda: _build_uids(application))
    yield _network(application)
    yield from _passwords(application)
    yield from (_tool(application, platform) for platform in served())
    yield _disk(application)
    yield Finding("data", "ok", str(application.settings.data_dir))
    yield Finding("proxy", "ok", application.settings.vendor_proxy or t("doctor.no_proxy"))


def _program(application: "Application", wanted: "RequiredProgram") -> Finding:
    from mprelease.process import programs

    def look() -> Finding:
        found = programs.find(wanted, application.environment)
        return Finding(wanted.name, "ok", f"{found.version} ({found.path})")

    return _checked(wanted.name, look)


def _sandbox(application: "Application") -> Finding:
    sandbox = application.sandbox
    if sandbox.mode is SandboxMode.BWRAP:
        return Finding("sandbox", "ok", sandbox.mode)
    detail = t(f"doctor.sandbox_{sandbox.mode}", why=sandbox.why_not_bwrap)
    return Finding("sandbox", "warning", detail)


def _build_uids(application: "Application") -> Finding:
    users = application.sandbox.users
    if users is None:
        return Finding("build-uids", "warning", t("doctor.uids_none"))
    return Finding("build-uids", "ok", str(users.uids))


def _network(application: "Application") -> Finding:
    if why := application.network.why_open():
        return Finding("network", "warning", t("doctor.network_open", why=why))
    return Finding("network", "ok", t("doctor.network_closed"))


def _passwords(application: "Application") -> Iterator[Finding]:
    """Check whether the configured servers have passwords; files and sockets need none."""
    from mprelease.domain.endpoints import endpoints
    from mprelease.settings.endpoints import lacks_password

    settings = application.settings
    servers = {"database": settings.database_url, "redis": settings.redis_url}
    for name, url in servers.items():
        if url and endpoints(url):
            lacks = lacks_password(url)
            detail = t("doctor.password_none" if lacks else "doctor.password_given")
            yield Finding(f"{name}-password", "warning" if lacks else "ok", detail)


def _tool(application: "Application", platform: Platform) -> Finding:
    tool = application.tool(platform)
    if application.has_tool(platform):
        return Finding(tool.package, "ok", tool.version)
    return Finding(tool.package, "warning", t("doctor.tool_later", name=platform))


def _disk(application: "Application") -> Finding:
    free = shutil.disk_usage(application.settings.data_dir).free / 1e9
    status = "ok" if free > _LITTLE_DISK_GB else "warning"
    return Finding("disk", status, t("doctor.disk_free", gigabytes=f"{free:.0f}"))


def _checked(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except ProblemError as error:
        return Finding(name, "missing", t.of_problem(error.problem_detail))
