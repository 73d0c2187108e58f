"""What miniprogram-ci 2.1.42 sends, and what the simulated WeChat replies.

The models take a call field by field; anything else raises pydantic's ValidationError.

Sources of the errors: code and text for an address that is not on the list, the texts about sizes,
the code 80051 (reported for the developer tool, not for miniprogram-ci) and the reply to a wrong
key (one report) are quoted in public reports. 40013 is WeChat's general code for a wrong app id; it
is an assumption that this service uses it too. Everything else is an assumption.
"""

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from math import ceil
from typing import Annotated

import segno
from PIL import Image
from pydantic import BaseModel, Field, Json

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Sizes
from mprelease.simulator.http import Rejected, Reply, json_reply

Robot = Annotated[int, Field(ge=1, le=30)]


class RandomStringCall(BaseModel):
    """A request for a random string to be signed."""

    appid: str


class SignedCall(BaseModel):
    """A call with a signature in the body, as getattr and the source map calls are.

    `offset` and `limit` select a part of the source map, in characters.
    """

    appid: str
    signature: str
    robot: Robot = 1
    streaming: bool = True
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=0)] = 0


class DebugLaunchInfo(BaseModel):
    """How a preview is opened; the scene is WeChat's number, 1011 by default."""

    scene: int = 1011


class UploadCall(BaseModel):
    """The query of an upload or a preview; the body is the package.

    `path` is a page with its query, as in a URL. `big` requests larger limits for a preview.
    """

    appid: str
    type: ProjectType
    version: Annotated[str, Field(min_length=1)]
    robot: Robot
    desc: str = ""
    path: str = ""
    big: Annotated[bool, Field(alias="bigPackageSizeSupport")] = False
    debug: Annotated[Json[DebugLaunchInfo], Field(alias="debugLaunchInfo")] = DebugLaunchInfo()


class PackageSignature(BaseModel):
    """The signature of an upload or a preview, in the file `/ci.signature` of its package."""

    signature: str


def data(content: Mapping[str, object]) -> Reply:
    """Return the reply to most calls: errCode 0 and an object `data`."""
    return json_reply({"errCode": 0, "data": content})


def attributes() -> Reply:
    """Return the reply to getattr: the limits that the tool's compiler checks, sizes in MiB.

    The names are measured; all numbers except the package sizes are assumptions.
    """
    setting = {
        "MaxCodeSize": 2,
        "MaxSubpackageSubCodeSize": 2,
        "MaxSubpackageFullCodeSize": 20,
        "NavigateMiniprogramLimit": 10,
        "MaxSubPackageLimit": 100,
        "MinTabbarCount": 2,
        "MaxTabbarCount": 5,
        "MaxCustomTabbarCount": 5,
        "MaxTabbarIconSize": 40,
    }
    app = {"platform": False, "appType": 0, "isSandbox": False, "released": False}
    return data({**app, "setting": setting})


def accepted(sizes: Sizes, preview_url: str | None, plugin_id: str | None) -> Reply:
    """Return the reply to an upload or preview: sizes in bytes, QR code or id of the plugin."""
    named = {"__FULL__": sizes.full, "__APP__": sizes.main, **sizes.packages}
    body: dict[str, object] = {
        "subpackage_info": [{"name": name, "size": size} for name, size in named.items()],
        "ext_plugin_info": [],
    }
    if preview_url is not None:
        body["qrcode_img"] = b64encode(qr_code_jpeg(preview_url)).decode("ascii")
    if plugin_id is not None:
        body["dev_plugin_id"] = plugin_id
    return json_reply({"errCode": 0, "body": body})


def qr_code_jpeg(content: str) -> bytes:
    """Return a text as a QR code in JPEG, the format of WeChat's replies."""
    png, jpeg = BytesIO(), BytesIO()
    segno.make_qr(content, error="m").save(png, kind="png", scale=8)
    Image.open(png).convert("RGB").save(jpeg, format="JPEG", quality=90)
    return jpeg.getvalue()


def ip_not_listed(client: str) -> Rejected:
    """Return the error for an IP address that is not on the app's list."""
    page = "https://developers.weixin.qq.com/miniprogram/dev/devtools/ci.html"
    return _error(-10008, f"invalid ip: {client}, reference: {page}")


def wrong_key() -> Rejected:
    """Return the error for a signature of another key, or of a random string used before."""
    return _error(-1, "get new ticket fail: innerCode: -80002")


def unknown_app() -> Rejected:
    """Return the error for an app id that is not registered."""
    return _error(40013, "invalid appid")


def too_large(package: str, size: int, limit: int) -> Rejected:
    """Return the error for a package over the limit; arguments in bytes, the text says KB."""
    text = f"{package}source size {ceil(size / 1024)}KB exceed max limit {limit // 1024}KB"
    return _error(80051, text)


def invalid_request(detail: str) -> Rejected:
    """Return the error for a call that violates the protocol."""
    return _error(-2, f"invalid request: {detail}")


def _error(code: int, text: str) -> Rejected:
    return Rejected(json_reply({"errCode": code, "errMsg": text}))
