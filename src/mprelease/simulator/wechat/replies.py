"""What the simulated WeChat answers when all is well."""

from base64 import b64encode
from collections.abc import Mapping

from mprelease.simulator.service import Reply, json_reply
from mprelease.simulator.wechat.qr_code import jpeg
from mprelease.simulator.wechat.received import Received


def data(content: Mapping[str, object]) -> Reply:
    """Answer as most calls do: errCode 0 and an object `data`."""
    return json_reply({"errCode": 0, "data": content})


def attributes() -> Reply:
    """Answer getattr: what the tool's compiler checks a project against, package sizes in MiB.

    The names are measured; all numbers but the package sizes are assumptions.
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


def receipt(received: Received) -> Reply:
    """Answer an accepted upload or preview: sizes in bytes, and a QR code or a plugin's id."""
    sizes = received.sizes
    named = {"__FULL__": sizes.full, "__APP__": sizes.main, **sizes.packages}
    body: dict[str, object] = {
        "subpackage_info": [{"name": name, "size": size} for name, size in named.items()],
        "ext_plugin_info": [],
    }
    if received.preview_url is not None:
        body["qrcode_img"] = b64encode(jpeg(received.preview_url)).decode("ascii")
    if received.plugin_id is not None:
        body["dev_plugin_id"] = received.plugin_id
    return json_reply({"errCode": 0, "body": body})
