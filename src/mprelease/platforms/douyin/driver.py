"""The driver of Douyin: tt-ide-cli through its JavaScript API."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.douyin.content import name_app, require_content, require_page
from mprelease.platforms.douyin.credential import opened, read_credential
from mprelease.platforms.douyin.events import event_of
from mprelease.platforms.driver import Account, Equipment, Event, Link, PublishOrder
from mprelease.platforms.tools import BRIDGES, Tool
from mprelease.process.command import Command

_APP_ID = re.compile(r"tt[0-9a-f]{16}([0-9a-f]{2})?")  # as the tool checks it


class DouyinDriver:
    """Publish with the pinned tt-ide-cli."""

    platform = Platform.DOUYIN
    tool = Tool("tt-ide-cli", "0.1.33", BRIDGES / "douyin")

    def read_credential(self, content: bytes) -> str:
        """Return an app's token or a person's login; raise Refused(KEY_SHAPE)."""
        return read_credential(content)

    def check_app_id(self, app_id: str) -> str:
        """Return an app id of the form tt and 16 or 18 hexadecimal digits; raise Refused."""
        if not _APP_ID.fullmatch(app_id):
            raise Refused(Problem.APP_ID_SHAPE, app_id=app_id, example="tt0123456789abcdef01")
        return app_id

    def check(self, account: Account, link: Link) -> None:
        """Ask Douyin whether it accepts app id and credential; raise StageFailed if not."""
        self.last_version(account, link)

    def last_version(self, account: Account, link: Link) -> str | None:
        """Return the version from which Douyin counts; raise StageFailed if it does not tell."""
        # The HTTP client takes a fifth of a second to load: here that happens beside the checkout,
        # and for nobody who only looks at a log.
        from mprelease.platforms.douyin import check  # noqa: PLC0415

        return check.last_version(account, link)

    def looks_built(self, folder: Path, project_type: ProjectType) -> None:
        """Raise StageFailed unless a folder can be published on this platform."""
        require_content(folder, project_type)

    def prepare(self, order: PublishOrder) -> None:
        """Refuse a start page that the mini program lacks; name the app where the tool looks."""
        if order.launch.page:
            require_page(order.built, order.launch.page)
        name_app(order.built, order.account.platform_app_id)

    def command(self, equipment: Equipment, scratch: Path, seconds: float) -> Command:
        """Describe the bridge's process; the tool's files go to scratch, without credential."""
        folder = str(self.tool.folder(equipment.tools))
        guard = str(BRIDGES / "guard.cjs")
        environment = {
            "PATH": os.defpath,
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "TMA_CLI_HOME": str(scratch),
            "LANG": "C.UTF-8",
            "ALLOW_REPORT_EVENT": "no",  # The tool's telemetry begins when it is loaded.
            "MPRELEASE_TOOL": folder,
        }
        if equipment.extra_ca:
            environment["NODE_EXTRA_CA_CERTS"] = str(equipment.extra_ca)
        arguments = (equipment.node, "--require", guard, str(BRIDGES / "douyin.cjs"), folder)
        return Command(arguments, scratch, environment, seconds)

    def readable(self, equipment: Equipment) -> tuple[Path, ...]:
        """Return the folders of Node, tool and bridge, and the extra CA file."""
        extra_ca = (equipment.extra_ca,) if equipment.extra_ca else ()
        return (equipment.node_folder, self.tool.folder(equipment.tools), BRIDGES, *extra_ca)

    def order_line(self, order: PublishOrder) -> str:
        """Return the order as the bridge reads it, credential included."""
        return json.dumps(
            {
                "kind": order.kind,
                "appId": order.account.platform_app_id,
                "credential": asdict(opened(order.account.credential)),
                "folder": str(order.built),
                "version": order.version,
                "description": order.description,
                "page": order.launch.page,
                "query": order.launch.query,
                "scene": order.launch.scene,
                "settings": dict(order.compile_settings),
                "packNpm": order.pack_npm,
                "proxy": order.link.proxy,
            }
        )

    def go_line(self, not_after: int) -> str:
        """Return the word that lets the bridge send, until a time in ms since the epoch."""
        return f"go {not_after}"

    def event(self, line: str) -> Event:
        """Read one line of the bridge's events."""
        return event_of(line)

    def console_url(self, app_id: str) -> str:  # noqa: ARG002 (other platforms name the app)
        """Return Douyin's console, which lists the apps of whoever logs in."""
        return "https://developer.open-douyin.com/"
