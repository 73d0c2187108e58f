"""The driver of Douyin: tt-ide-cli through its JavaScript API."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import Refused
from mprelease.domain.platforms import MIB, Platform, SizeLimits
from mprelease.domain.problems import Message, Problem
from mprelease.platforms.bridge_driver import Bridged
from mprelease.platforms.detection import APP_ID_EXAMPLES, require_app_id
from mprelease.platforms.douyin import api
from mprelease.platforms.douyin.api import opened, read_credential
from mprelease.platforms.douyin.content import name_app, require_content, root_of
from mprelease.platforms.douyin.events import event_of
from mprelease.platforms.driver import Account, BuildTargets, Event, PublishOrder, Result, Route
from mprelease.platforms.loaded_packages import (
    PACKED,
    bring_into,
    has_manifest,
    missing,
)
from mprelease.platforms.mini_programs import require_page
from mprelease.platforms.npm_packing_check import require_packable
from mprelease.platforms.presentation import (
    CredentialField,
    CredentialForm,
    FieldKind,
    Icon,
    Presentation,
)
from mprelease.platforms.settings import KnownSettings
from mprelease.platforms.tools import BRIDGES, Tool


class DouyinDriver(Bridged):
    """Publish with the pinned tt-ide-cli."""

    platform = Platform.DOUYIN
    presentation = Presentation(
        Icon("抖", "#161823", outline="#666666"),
        APP_ID_EXAMPLES[Platform.DOUYIN],
        CredentialForm(
            (
                CredentialField(
                    "token", "credential.token", FieldKind.PASSWORD, "credential.douyin"
                ),
                CredentialField("email", "web.email"),
                CredentialField("password", "web.password", FieldKind.PASSWORD),
            )
        ),
    )
    build_targets = BuildTargets("mp-toutiao", "tt")
    wants_greater_versions = True
    # `tma upload --channel`; its protocol has no request for the version that testers see, so a
    # person marks the channel here (vendor-tools, Douyin).
    channel_setting = "channel"
    tool = Tool("tt-ide-cli", "0.1.33", BRIDGES / "douyin")
    settings = KnownSettings(Platform.DOUYIN, {"channel": int, "needUploadSourcemap": bool})

    def read_credential(self, content: bytes) -> str:
        """Return an app's token or a person's login; raise Refused(KEY_SHAPE)."""
        return read_credential(content)

    def secrets_in(self, credential: str) -> tuple[str, ...]:
        """Return the token, or the e-mail address and password of the login."""
        return tuple(asdict(opened(credential)).values()) if credential else ()

    def check_app_id(self, app_id: str) -> str:
        """Return an app id of the form tt and 16 or 18 hexadecimal digits; raise Refused."""
        require_app_id(app_id, Platform.DOUYIN)
        return app_id

    def check(self, account: Account, route: Route) -> None:
        """Raise StageFailed unless Douyin accepts app id and credential."""
        self.last_version(account, route)

    def last_version(self, account: Account, route: Route) -> str | None:
        """Return the version that the next one must exceed; raise StageFailed."""
        return api.last_version(account, route)

    def finish(self, account: Account, route: Route, version: str) -> Result:  # noqa: ARG002
        """Raise Refused(NOTHING_TO_FINISH): an upload needs no further step."""
        raise Refused(Problem.NOTHING_TO_FINISH, platform=self.platform)

    def validate_output(self, folder: Path, project_type: ProjectType) -> None:
        """Raise StageFailed unless a folder can be published on Douyin."""
        require_content(folder, project_type)

    def roots(self, folder: Path) -> tuple[Path, ...]:
        """Return the root of the mini program."""
        return (folder / root_of(folder),)

    def prepare(self, order: PublishOrder) -> None:
        """Refuse an undeclared start page; write the app id into the project's configuration."""
        if order.launch.start_page:
            require_page(order.built / root_of(order.built), order.launch.start_page)
        name_app(order.built, order.account.platform_app_id)
        if order.pack_npm:
            bring_into(order.built, order.built / root_of(order.built))
            require_packable(order.built)

    def variables(self, scratch: Path) -> Mapping[str, str]:
        """Set the tool's home to scratch, and disable telemetry, which starts while it loads."""
        return {"TMA_CLI_HOME": str(scratch), "ALLOW_REPORT_EVENT": "no"}

    def order_line(self, order: PublishOrder) -> str:
        """Return the order in the bridge's format, including the credential."""
        root = order.built / root_of(order.built)
        return json.dumps(
            {
                "kind": order.kind,
                "appId": order.account.platform_app_id,
                "credential": asdict(opened(order.account.credential)),
                "folder": str(order.built),
                "version": order.version,
                "description": order.description,
                "page": order.launch.start_page,
                "query": order.launch.query,
                "scene": order.launch.scene,
                "settings": dict(order.compile_settings),
                "packNpm": order.pack_npm and has_manifest(root),
                "proxy": order.route.proxy,
            }
        )

    def event(self, line: str, order: PublishOrder | None) -> Event:
        """Parse one line of the bridge's events; raise StageFailed if it is not valid."""
        return event_of(line, order)

    def left_out(self, order: PublishOrder, packages: Collection[str]) -> tuple[Message, ...]:
        """Return a warning about npm packages that were not published."""
        root = order.built / root_of(order.built)
        names = missing(root, root, packages, PACKED)
        parameters = {"packages": ", ".join(names)}
        return (Message("warning.packages_left_out", parameters),) if names else ()

    def size_limits(self) -> SizeLimits:
        """Return the limits of its documentation."""
        return SizeLimits(4 * MIB, 2 * MIB, 16 * MIB)

    def console_url(self, app_id: str) -> str:  # noqa: ARG002 (not part of Douyin's URL)
        """Return the URL of Douyin's console, which lists the user's apps."""
        return "https://developer.open-douyin.com/"
