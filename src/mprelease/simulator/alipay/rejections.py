"""The ways in which the simulated Alipay says no: HTTP 200, `stat` "fail" and a text in `msg`.

验签失败 is what people report of a wrong key. That 20 development versions are the limit is known
from Taro's driver. Every other text here is an assumption.
"""

from enum import StrEnum, auto

from mprelease.simulator.service import json_reply


class Refusal(StrEnum):
    """How the service is told to treat an app.

    The first three hold for every signed call. BUILD_ERROR and ENDLESS_BUILD let the upload pass;
    EXPERIENCE_REFUSED refuses what comes after it, EXPERIENCE_ENDLESS never does it, NO_QR_CODE
    names an address without an image. The others answer the upload or preview itself: SLOW and
    CONNECTION_CUT accept it, and the client just does not learn it (in time).
    """

    BAD_IP = auto()
    BAD_KEY = auto()
    UNKNOWN_APP = auto()
    VERSION_NOT_GREATER = auto()
    TOO_LARGE = auto()
    BUILD_ERROR = auto()
    ENDLESS_BUILD = auto()
    EXPERIENCE_REFUSED = auto()
    EXPERIENCE_ENDLESS = auto()
    NO_QR_CODE = auto()
    SERVER_ERROR = auto()
    SLOW = auto()
    CONNECTION_CUT = auto()


class Rejected(Exception):
    """A call is answered with a text."""

    def __init__(self, text: str) -> None:
        """Name Alipay's `msg`."""
        super().__init__(text)
        self.reply = json_reply({"stat": "fail", "msg": text})


def wrong_key() -> Rejected:
    """Refuse a signature that the tool's key did not make."""
    return Rejected("验签失败")


def strange_address(client: str) -> Rejected:
    """Refuse an IP address that is not on the list of the tool's key."""
    return Rejected(f"IP {client} 不在工具密钥的 IP 白名单中")


def unknown_app(app_id: str) -> Rejected:
    """Refuse an app that the tool's owner has no rights to."""
    return Rejected(f"小程序 {app_id} 不存在或没有权限")


def not_greater(version: str, last: str) -> Rejected:
    """Refuse a version that is not greater than the last one."""
    return Rejected(f"版本号 {version} 需大于最新版本 {last}")


def too_many(limit: int) -> Rejected:
    """Refuse one more development version."""
    return Rejected(f"开发版本数量已达上限 {limit} 个，请先删除旧版本")


def too_large(package: str, size: int, limit: int) -> Rejected:
    """Refuse a package; sizes in bytes, said in KB."""
    return Rejected(f"{package}大小 {size // 1024}KB 超过上限 {limit // 1024}KB")


def no_experience() -> Rejected:
    """Refuse to make a version the experience version."""
    return Rejected("没有设置体验版的权限")


def unusable(detail: str) -> Rejected:
    """Refuse a call that is not as the protocol wants it."""
    return Rejected(f"invalid request: {detail}")
