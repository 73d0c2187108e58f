"""The driver of Alipay: minidev through its JavaScript API."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from mprelease.domain.apps import ProjectType
from mprelease.domain.platforms import MIB, Platform, SizeLimits
from mprelease.domain.problems import Message
from mprelease.domain.releases import Publication
from mprelease.platforms.alipay import api
from mprelease.platforms.alipay.api import opened, read_credential
from mprelease.platforms.alipay.content import left_out, require_content, root_of, take_out_hooks
from mprelease.platforms.alipay.events import VERSIONS, event_of
from mprelease.platforms.bridge_driver import Bridged
from mprelease.platforms.detection import APP_ID_EXAMPLES, require_app_id
from mprelease.platforms.driver import Account, BuildTargets, Event, PublishOrder, Result, Route
from mprelease.platforms.images import QR_CODE
from mprelease.platforms.mini_programs import require_page
from mprelease.platforms.presentation import (
    CredentialField,
    CredentialForm,
    FieldKind,
    Icon,
    Presentation,
    UploadSwitch,
)
from mprelease.platforms.settings import KnownSettings
from mprelease.platforms.tools import BRIDGES, Tool
from mprelease.process.tree import Stop

_EXPERIENCE = "experience"
_SWITCHES = (_EXPERIENCE, "removeOldest", "ignoreHttpDomainCheck", "ignoreWebViewDomainCheck")
_VERSIONS_ASKED = 10
_DESCRIPTION = 199  # UTF-16 units; the tool refuses more


@dataclass(frozen=True)
class AlipayDriver(Bridged):
    """Publish with the pinned minidev.

    The tool itself has no time limits: `build_seconds` limits the build on the platform's side,
    `experience_seconds` the wait for the trial version.

    Its compile settings: `experience=false` does not change the trial version, `removeOldest=true`
    deletes the oldest of 20 development versions (the platform's limit), `ignoreHttpDomainCheck`
    and `ignoreWebViewDomainCheck` are the tool's own, for previews.
    """

    build_seconds: float = 300
    experience_seconds: float = 60

    platform: ClassVar = Platform.ALIPAY
    presentation: ClassVar = Presentation(
        Icon("支", "#1268e3"),
        APP_ID_EXAMPLES[Platform.ALIPAY],
        CredentialForm(
            (
                CredentialField("toolId", "credential.tool_id", help="credential.alipay"),
                CredentialField("privateKey", "credential.private_key", FieldKind.MULTILINE),
            )
        ),
        (UploadSwitch(_EXPERIENCE, "web.experience", default=True),),
    )
    missed_steps: ClassVar = frozenset({"hint.alipay_not_experience", "hint.alipay_no_qr_code"})
    build_targets: ClassVar = BuildTargets("mp-alipay", "alipay")
    wants_greater_versions: ClassVar = True
    trial_follows_channel: ClassVar = False  # `setExp` names one version (vendor-tools, Alipay)
    reports_trial: ClassVar = True
    tool: ClassVar = Tool("minidev", "2.2.5", BRIDGES / "alipay")
    settings: ClassVar = KnownSettings(Platform.ALIPAY, dict.fromkeys(_SWITCHES, bool))

    def read_credential(self, content: bytes) -> str:
        """Return the id and the key of a tool; raise Refused(KEY_SHAPE)."""
        return read_credential(content)

    def secrets_in(self, credential: str) -> tuple[str, ...]:
        """Return the key; the tool's id is not secret."""
        return (opened(credential).private_key,)

    def check_app_id(self, app_id: str) -> str:
        """Return an app id of 16 digits; raise Refused."""
        require_app_id(app_id, Platform.ALIPAY)
        return app_id

    def check(self, account: Account, route: Route) -> None:
        """Raise StageFailed unless Alipay accepts app id, key and this host's address."""
        self.last_version(account, route)

    def last_version(self, account: Account, route: Route) -> str | None:
        """Return the newest version at Alipay; raise StageFailed if the request fails."""
        return api.last_version(account, route)

    def trial_version(self, account: Account, route: Route, versions: Sequence[str]) -> str | None:
        """Request each version's state as a trial version, of at most ten.

        The request is the one by which minidev waits after `-e` (`setExpQuery`; vendor-tools,
        Alipay): it names a code for the trial version only.
        """
        return api.trial_version(account, route, versions[:_VERSIONS_ASKED])

    def finish(self, account: Account, route: Route, version: str) -> Result:
        """Make an uploaded version the trial version, if that failed in its release.

        May be repeated. Raise StageFailed if Alipay refuses, or takes too long.
        """
        limit = self.experience_seconds
        image = api.show_to_testers(account, route, version, seconds=limit)
        return Result(Publication(image.content, image.media_type) if image else Publication())

    def validate_output(self, folder: Path, project_type: ProjectType) -> None:
        """Raise StageFailed unless a folder can be published on Alipay."""
        require_content(folder, project_type)

    def roots(self, folder: Path) -> tuple[Path, ...]:
        """Return the root of the mini program."""
        return (folder / root_of(folder),)

    def prepare(self, order: PublishOrder) -> None:
        """Refuse an undeclared start page; remove the project's code that the tool would run."""
        if order.launch.start_page:
            require_page(order.built / root_of(order.built), order.launch.start_page)
        take_out_hooks(order.built)

    def variables(self, scratch: Path) -> Mapping[str, str]:
        """Set the folder of the tool's compiler to one in scratch."""
        return {"MINIDEV_COMPILEDIR": str(scratch / "compiler")}

    def order_line(self, order: PublishOrder) -> str:
        """Return the order in the bridge's format, including the credential."""
        key = asdict(opened(order.account.credential))
        return json.dumps(
            {
                "kind": order.kind,
                "appId": order.account.platform_app_id,
                "credential": {"toolId": key["tool_id"], "privateKey": key["private_key"]},
                "folder": str(order.built),
                "version": order.version,
                "description": _shortened(order.description),
                "page": order.launch.start_page,
                "query": order.launch.query,
                "scene": order.launch.scene,
                "settings": dict(order.compile_settings),
                "limits": self._limits(),
                "proxy": order.route.proxy,
                "qrCode": str(order.scratch / QR_CODE),
            }
        )

    def _limits(self) -> Mapping[str, int]:
        """Return time limits in ms, and the limit of development versions."""
        times = {"build": self.build_seconds, "experience": self.experience_seconds}
        return {name: round(time * 1000) for name, time in times.items()} | {"versions": VERSIONS}

    def event(self, line: str, order: PublishOrder | None) -> Event:
        """Parse one line of the bridge's events; raise StageFailed if it is not valid."""
        return event_of(line, order)

    def left_out(self, order: PublishOrder, packages: Collection[str]) -> tuple[Message, ...]:
        """Return warnings about npm packages, a plugin or cloud functions not published."""
        return left_out(order.built, packages)

    def keep_download(self, tools: Path, account: Account, route: Route, stop: Stop) -> None:
        """Download the compiler that Alipay requires for an app, unless it is kept already."""
        folder = self.tool.folder(tools) / "compilers"
        api.keep_compiler(account.platform_app_id, route, folder, self.tool.version, stop)

    def size_limits(self) -> SizeLimits:
        """Return the limits of its documentation; reports on the total size differ."""
        return SizeLimits(2 * MIB, 2 * MIB, None)

    def console_url(self, app_id: str) -> str:
        """Return the URL of the app's versions in Alipay's console."""
        return f"https://open.alipay.com/mini/dev/sub/dev-manage?appId={app_id}"


def _shortened(text: str) -> str:
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _DESCRIPTION:
        return text
    return units[: 2 * (_DESCRIPTION - 1)].decode("utf-16-le", errors="ignore") + "…"
