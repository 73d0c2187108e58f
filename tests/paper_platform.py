"""A fourth platform, registered by tests only: its tool is a shell script.

It is not a member of `Platform`. It has robots from 3 to 5, a credential of two parts, an upload
switch, and a step that can be missed.
"""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.platforms import SizeLimits, named
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Publication
from mprelease.domain.versions import VersionForm
from mprelease.platforms import registry
from mprelease.platforms.driver import (
    Account,
    Event,
    Loaded,
    PublishOrder,
    Ready,
    Result,
    Route,
    ToolEnvironment,
)
from mprelease.platforms.presentation import (
    CredentialField,
    CredentialForm,
    FieldKind,
    Icon,
    Presentation,
    UploadSwitch,
)
from mprelease.platforms.settings import KnownSettings
from mprelease.platforms.tools import Tool
from mprelease.process.command import Command
from mprelease.process.tree import Stop

PAPER = named("paper")
APP_ID = "paper-7"
CREDENTIAL = {"ink": "black", "stamp": "very secret"}
MISSED = "hint.paper_not_folded"
SCRIPT = 'echo loaded >&3; read -r order; echo ready >&3; read -r go; echo "sent $order" >&3'


@dataclass(frozen=True)
class PaperDriver:
    """Publish with a script that echoes its order."""

    platform = PAPER
    presentation = Presentation(
        Icon("纸", "#7a5c00"),
        APP_ID,
        CredentialForm(
            (
                CredentialField("ink", "credential.ink", help="credential.paper"),
                CredentialField("stamp", "credential.stamp", FieldKind.PASSWORD),
            )
        ),
        (UploadSwitch("fold", "switch.fold", default=True),),
    )
    project_types = (ProjectType.MINI_PROGRAM, ProjectType.MINI_GAME)
    robots = range(3, 6)
    channel_setting = None
    trial_follows_channel = False
    reports_trial = True
    has_one_trial_code = True
    compiles = False
    packs_only_declared = False
    standby_memory = 10
    missed_steps = frozenset({MISSED})
    build_targets = None
    version_form = VersionForm.THREE_NUMBERS
    wants_greater_versions = True
    tool = Tool("paper-tool", "1.0.0", Path(__file__).parent)
    settings = KnownSettings(PAPER, {"fold": bool, "sheets": int})

    def read_credential(self, content: bytes) -> str:
        if json.loads(content) != CREDENTIAL:
            raise Refused(Problem.KEY_SHAPE)
        return f"{CREDENTIAL['ink']}\n{CREDENTIAL['stamp']}"

    def secrets_in(self, credential: str) -> tuple[str, ...]:
        return (credential.split("\n")[1],)

    def check_app_id(self, app_id: str) -> str:
        if not app_id.startswith("paper-"):
            raise Refused(Problem.APP_ID_SHAPE, app_id=app_id, example=APP_ID)
        return app_id

    def check(self, account: Account, route: Route) -> None:
        assert account.platform_app_id == APP_ID

    def last_version(self, account: Account, route: Route) -> str | None:
        return None

    def trial_version(self, account: Account, route: Route, versions: Sequence[str]) -> str | None:
        return next(iter(versions), None)

    def finish(self, account: Account, route: Route, version: str) -> Result:
        return Result(Publication())

    def validate_output(self, folder: Path, project_type: ProjectType) -> None:
        if not (folder / "app.json").is_file():
            raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file="app.json")

    def roots(self, folder: Path) -> tuple[Path, ...]:
        return (folder,)

    def prepare(self, order: PublishOrder) -> None:
        pass

    def command(self, tool_environment: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        return Command(("/bin/sh", "-c", SCRIPT), scratch, {"PATH": os.defpath}, seconds)

    def readable(self, tool_environment: ToolEnvironment) -> tuple[Path, ...]:
        return ()

    def order_line(self, order: PublishOrder) -> str:
        return f"{order.account.platform_app_id} {order.version} {order.robot}"

    def go_line(self, not_after: int) -> str:
        return "go"

    def event(self, line: str, order: PublishOrder | None) -> Event:
        match line.split(" ", 1):
            case ["loaded"]:
                return Loaded()
            case ["ready"]:
                return Ready()
            case ["sent", echo] if order and echo == self.order_line(order):
                return Result(Publication(b"\x89PNG paper", "image/png"), (Message(MISSED),))
        raise StageFailed(Problem.PUBLISH_EVENT_UNREADABLE, detail=line)

    def left_out(self, order: PublishOrder, packages: Collection[str]) -> tuple[Message, ...]:
        return ()

    def keep_download(self, tools: Path, account: Account, route: Route, stop: Stop) -> None:
        pass

    def size_limits(self) -> SizeLimits:
        return SizeLimits(2**20, None, 3 * 2**20)

    def console_url(self, app_id: str) -> str:
        return f"https://console.paper.example/{app_id}"


def register(patch: pytest.MonkeyPatch) -> None:
    """Register the platform until the end of a test."""
    patch.setitem(registry.DRIVERS, PAPER, PaperDriver())
