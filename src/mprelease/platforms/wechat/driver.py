"""The driver of WeChat: miniprogram-ci through its JavaScript API."""

import json
from collections.abc import Collection
from pathlib import Path

from mprelease.domain.apps import ProjectType
from mprelease.domain.codes import UNLIMITED, Lifetime, lasting
from mprelease.domain.errors import Refused
from mprelease.domain.platforms import MIB, Platform, SizeLimits
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind
from mprelease.domain.versions import VersionForm
from mprelease.platforms.bridge_driver import Bridged
from mprelease.platforms.detection import APP_ID_EXAMPLES, require_app_id
from mprelease.platforms.driver import Account, BuildTargets, Event, PublishOrder, Result, Route
from mprelease.platforms.images import QR_CODE
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
from mprelease.platforms.wechat.api import check_account, read_key
from mprelease.platforms.wechat.content import (
    add_config,
    bring_packages,
    filter_unused_files,
    left_out,
    require_content,
    require_inside,
    root_of,
)
from mprelease.platforms.wechat.events import event_of

# The settings of miniprogram-ci 2.1.42 (its README, 编译设置; `ICompileSettings` of its types).

# An option of previews only: packages of up to 4 MB.
_BIG_PACKAGES = "bigPackageSizeSupport"
# The tool documents project.config.json as the replacement of this one: it is written there.
_FILTER_UNUSED = "allowIgnoreUnusedFiles"

_COMPILER = (
    "useProjectConfig",
    "es6",
    "es7",
    "minify",
    "minifyJS",
    "minifyWXML",
    "minifyWXSS",
    "autoPrefixWXSS",
    "codeProtect",
    "disableUseStrict",
    "compileWorklet",
)
# Names in project.config.json and in the developer tool.
_SYNONYMS = {
    "enhance": "es7",
    "minified": "minify",
    "postcss": "autoPrefixWXSS",
    "uglifyFileName": "codeProtect",
    "ignoreUploadUnusedFiles": _FILTER_UNUSED,
    "ignoreDevUnusedFiles": _FILTER_UNUSED,
}
_SETTINGS = KnownSettings(
    Platform.WECHAT, dict.fromkeys((*_COMPILER, _BIG_PACKAGES, _FILTER_UNUSED), bool), _SYNONYMS
)


class WeChatDriver(Bridged):
    """Publish with the pinned miniprogram-ci."""

    platform = Platform.WECHAT
    presentation = Presentation(
        Icon("微", "#07a650"),
        APP_ID_EXAMPLES[Platform.WECHAT],
        CredentialForm(
            (
                CredentialField("key_file", "web.key_file", FieldKind.FILE, "credential.wechat"),
                CredentialField("key", "web.key_text", FieldKind.MULTILINE),
            ),
            is_object=False,
        ),
    )
    project_types = tuple(ProjectType)
    # The CI robots. An administrator selects the trial version in the console, and the robot's next
    # upload takes its place; the tool's protocol has no request for it (vendor-tools, WeChat).
    robots = range(1, 31)
    has_one_trial_code = True
    compiles = True
    packs_only_declared = True
    standby_memory = 220
    build_targets = BuildTargets("mp-weixin", "weapp")
    version_form = VersionForm.WORDS
    wants_greater_versions = False
    tool = Tool("miniprogram-ci", "2.1.42", BRIDGES / "wechat")
    settings = _SETTINGS

    def read_credential(self, content: bytes) -> str:
        """Return the PEM of an upload key; raise Refused(KEY_SHAPE)."""
        return read_key(content)

    def code_lifetime(self, kind: Kind) -> Lifetime:
        """Return 25 minutes for a preview; the trial version's code is a fixed address.

        WeChat documents no time for previews, and its answer has none. Teams with miniprogram-ci
        write of 25 and of 30 minutes in their public repositories: this is the shorter one.
        """
        return lasting(minutes=25) if kind is Kind.PREVIEW else UNLIMITED

    def secrets_in(self, credential: str) -> tuple[str, ...]:
        """Return the key."""
        return (credential,)

    def check_app_id(self, app_id: str) -> str:
        """Return an app id of the form wx and 16 hexadecimal digits; raise Refused."""
        require_app_id(app_id, Platform.WECHAT)
        return app_id

    def check(self, account: Account, route: Route) -> None:
        """Raise StageFailed unless WeChat accepts app id, key and this host's address."""
        check_account(account, route)

    def last_version(self, account: Account, route: Route) -> str | None:  # noqa: ARG002
        """Return None: the tool's protocol has no such request (vendor-tools, WeChat)."""
        return None

    def finish(self, account: Account, route: Route, version: str) -> Result:  # noqa: ARG002
        """Raise Refused(NOTHING_TO_FINISH): the trial version is selected in the console."""
        raise Refused(Problem.NOTHING_TO_FINISH, platform=self.platform)

    def validate_output(self, folder: Path, project_type: ProjectType) -> None:
        """Raise StageFailed unless a folder can be published on WeChat."""
        require_content(folder, project_type)

    def roots(self, folder: Path) -> tuple[Path, ...]:
        """Return the roots of mini program and plugin in project.config.json."""
        plugin = root_of(folder, "pluginRoot")
        roots = (root_of(folder), plugin) if plugin.parts else (root_of(folder),)
        return tuple(folder / root for root in dict.fromkeys(roots))

    def prepare(self, order: PublishOrder) -> None:
        """Refuse an undeclared start page, and paths outside; complete project.config.json."""
        if order.launch.start_page and order.project_type is ProjectType.MINI_PROGRAM:
            require_page(order.built / root_of(order.built), order.launch.start_page)
        add_config(order.built)
        if (filtered := order.compile_settings.get(_FILTER_UNUSED)) is not None:
            filter_unused_files(order.built, wanted=bool(filtered))
        if order.pack_npm:
            bring_packages(order.built)
            require_packable(order.built)
            require_inside(order.built)

    def order_line(self, order: PublishOrder) -> str:
        """Return the order in the bridge's format, including the credential."""
        return json.dumps(
            {
                "kind": order.kind,
                "appId": order.account.platform_app_id,
                "credential": order.account.credential,
                "folder": str(order.built),
                "projectType": order.project_type,
                "version": order.version,
                "description": order.description,
                "robot": order.robot,
                "page": order.launch.start_page,
                "query": order.launch.query,
                "scene": order.launch.scene,
                "settings": dict(order.compile_settings),
                "packNpm": order.pack_npm,
                "proxy": order.route.proxy,
                "qrCode": str(order.scratch / QR_CODE),
                "keptResult": _path(order.kept_result),
                "newResult": _path(order.new_result),
                "keptFiles": _path(order.kept_files),
                "newFiles": _path(order.new_files),
                "keptPacks": _path(order.kept_packs),
                "newPacks": _path(order.new_packs),
            }
        )

    def event(self, line: str, order: PublishOrder | None) -> Event:
        """Parse one line of the bridge's events; raise StageFailed if it is not valid."""
        return event_of(line, order)

    def left_out(self, order: PublishOrder, packages: Collection[str]) -> tuple[Message, ...]:
        """Return warnings about npm packages, a plugin or cloud functions not published."""
        return left_out(order.built, order.project_type, packages)

    def size_limits(self) -> SizeLimits:
        """Return the limits in the response to miniprogram-ci's getattr (vendor-tools, WeChat)."""
        return SizeLimits(2 * MIB, 2 * MIB, 20 * MIB)

    def console_url(self, app_id: str) -> str:  # noqa: ARG002 (not part of WeChat's URL)
        """Return the URL of WeChat's console, where the app is selected at the login."""
        return "https://mp.weixin.qq.com/"


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
