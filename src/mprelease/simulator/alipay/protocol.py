"""What minidev 2.2.5 sends, and what the simulated Alipay replies.

The models take a call field by field; anything else raises pydantic's ValidationError.

Sources of the errors (HTTP 200, `stat` "fail" and a text in `msg`): 验签失败 is quoted in public
reports of a wrong key. The limit of 20 development versions is from Taro's driver. Every other text
is an assumption.
"""

import io
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import quote

import segno
from pydantic import BaseModel, ConfigDict, Field, Json
from pydantic.alias_generators import to_camel

from mprelease.domain.releases import LaunchOptions
from mprelease.simulator.http import Rejected, Reply, json_reply
from mprelease.simulator.packages import VersionNumber

COMPILER_VERSION = "0.100.12-simulator"
"""The version of the simulator's compiler; the tool's default is 0.100.12."""

QR_CODE_HOST = "mobilecodec.alipay.com"
"""The host of the images of QR codes."""

BUILD_RUNNING, BUILD_DONE, BUILD_FAILED = "1", "2", "3"
"""The states of a build for the tool, which treats 0, 1 and 2 as no failure."""

Wallet = Literal["com.alipay.alipaywallet"]


class _CamelCase(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Call(_CamelCase):
    model_config = ConfigDict(extra="forbid")

    app_id: str
    tool_id: str
    tool_type: str


class LaunchParams(_CamelCase):
    """What a package opens: a page with its query, as in a URL."""

    page: str = ""


class ExtendInfo(_CamelCase):
    """The JSON field `extendInfo`."""

    launch_params: LaunchParams


class _Package(_Call):
    """The fields beside the file of a package."""

    app_type: Literal["tinyApp"]
    client_type: Wallet
    extend_info: Json[ExtendInfo]
    extra_info: str
    main_url: str
    sub_url: str
    package_md5: Annotated[str, Field(alias="packageMD5")]
    package_name: str
    plugin_list: str


class UploadCall(_Package):
    """A source tree to be built as a new version; `old_version` is to be removed for it."""

    client_id: Wallet
    old_version: VersionNumber | Literal[""]
    package_version: VersionNumber
    remark: Annotated[str, Field(max_length=199)]
    tar_file_path: str
    tracker_channel: str


class SubPackage(_CamelCase):
    """One part of a preview; its size is that of the compressed part, in bytes."""

    type: Literal["MAIN", "SUB"]
    path: str
    package_name: str
    size: int
    package_md5: Annotated[str, Field(alias="packageMD5")]


class PreviewCall(_Package):
    """A compiled package for a preview; `ch_info` is the scene."""

    bundle_id: Wallet
    debug_type: Literal["MINI"]
    ide_preview_type: Literal["muti"]
    need_sync: Literal["false"]
    open_debug_switch: str
    sub_packages: Json[list[SubPackage]] = []
    ch_info: int | None = None

    @property
    def launch(self) -> LaunchOptions:
        """Return page, query and scene that the preview opens with."""
        page, _, query = self.extend_info.launch_params.page.partition("?")
        return LaunchOptions(page or None, query or None, self.ch_info)


class BuildCall(_Call):
    """A poll for the state of a build."""

    client_id: Wallet
    client_type: Literal["alipay"]
    package_id: str
    package_version: VersionNumber


class TrialCall(_Call):
    """A request to make a version the trial version (体验版), or to query whether it is."""

    client_id: Wallet
    client_type: Literal["alipay"]
    version: VersionNumber


class VersionCall(_Call):
    """A request to remove a version, or to make it the trial version no longer."""

    client_type: Wallet
    version: VersionNumber


class LastVersionCall(_Call):
    """A request for the newest version."""

    client_id: Wallet
    client_type: Literal["alipay"]


class ListCall(_Call):
    """A request for one page of the versions in some states."""

    bundle_id: Wallet
    version_status: str
    page_num: Annotated[int, Field(ge=1)]


def data(content: Mapping[str, object] | Sequence[Mapping[str, object]]) -> Reply:
    """Return the reply to a signed call: `stat` "ok" and `data`."""
    return json_reply({"stat": "ok", "data": content, "traceId": "0"})


def build_started(package_id: str, version: str) -> Reply:
    """Return the reply to an upload: the id with which the state of its build is polled."""
    return data({"nebulaInfo": _packed({"packageId": package_id, "version": version})})


def build_state(state: str, log: Sequence[str], *, is_created: bool) -> Reply:
    """Return state and log of a build, and whether its version has been created."""
    detail = json.dumps({"log": "\n".join(log)})
    info = _packed({"status": state, "detail": detail})
    return data({"versionCreated": is_created, "nebulaInfo": info})


def build_config() -> Reply:
    """Return the compiler of an app: the simulator's.

    The tool installs it beside the vendor's; the version distinguishes the two.
    """
    schedule = {"builder": {"cube-build": COMPILER_VERSION}}
    return json_reply({"success": True, "data": {"schedule": schedule}})


def new_qr_code_url() -> str:
    """Return the address of the image of a new QR code; the image encodes the same address."""
    return f"https://{QR_CODE_HOST}/qr/{secrets.token_hex(8)}.png"


def qr_code_png(path: str) -> bytes:
    """Return the image of the QR code at a path of its host, as PNG."""
    image = io.BytesIO()
    segno.make_qr(f"https://{QR_CODE_HOST}{path}", error="m").save(image, kind="png", scale=6)
    return image.getvalue()


def wrong_key() -> Rejected:
    """Return the error for a signature by another key."""
    return _error("验签失败")


def ip_not_listed(client: str) -> Rejected:
    """Return the error for an IP address that is not on the list of the tool's key."""
    return _error(f"IP {client} 不在工具密钥的 IP 白名单中")


def unknown_app(app_id: str) -> Rejected:
    """Return the error for an app that the tool's owner has no rights to."""
    return _error(f"小程序 {app_id} 不存在或没有权限")


def not_greater(version: str, last: str) -> Rejected:
    """Return the error for a version that is not greater than the last one."""
    return _error(f"版本号 {version} 需大于最新版本 {last}")


def too_many_versions(limit: int) -> Rejected:
    """Return the error for one more development version than the limit."""
    return _error(f"开发版本数量已达上限 {limit} 个，请先删除旧版本")


def too_large(package: str, size: int, limit: int) -> Rejected:
    """Return the error for a package over the limit; arguments in bytes, the text says KB."""
    return _error(f"{package}大小 {size // 1024}KB 超过上限 {limit // 1024}KB")


def trial_refused() -> Rejected:
    """Return the error for a version that may not become the trial version."""
    return _error("没有设置体验版的权限")


def invalid_request(detail: str) -> Rejected:
    """Return the error for a call that violates the protocol."""
    return _error(f"invalid request: {detail}")


def _error(text: str) -> Rejected:
    return Rejected(json_reply({"stat": "fail", "msg": text}))


def _packed(content: Mapping[str, object]) -> str:
    return quote(json.dumps(content))
