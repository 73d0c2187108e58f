"""The ways in which the simulated WeChat says no.

From public reports of people who met them: code and text of the address that is not on the list,
the texts about sizes, the code 80051 (reported by the developer tool, not by miniprogram-ci), and
the reply to a wrong key (one report, which takes it for that). 40013 is WeChat's general code
for a wrong app id; that this service uses it too is an assumption. All else is an assumption.
"""

from enum import StrEnum, auto
from math import ceil

from mprelease.simulator.service import json_reply


class Refusal(StrEnum):
    """How the service is told to treat an app.

    The first three hold for every signed call, the others for the upload or preview itself.
    SLOW and CONNECTION_CUT accept what was sent: the client just does not learn it (in time).
    """

    BAD_IP = auto()
    BAD_KEY = auto()
    UNKNOWN_APP = auto()
    TOO_LARGE = auto()
    SERVER_ERROR = auto()
    SLOW = auto()
    CONNECTION_CUT = auto()


class Rejected(Exception):
    """A call is answered with an error code and a text."""

    def __init__(self, code: int, text: str) -> None:
        """Name WeChat's `errCode` and `errMsg`."""
        super().__init__(code, text)
        self.reply = json_reply({"errCode": code, "errMsg": text})


def strange_address(client: str) -> Rejected:
    """Refuse an IP address that is not on the app's list."""
    page = "https://developers.weixin.qq.com/miniprogram/dev/devtools/ci.html"
    return Rejected(-10008, f"invalid ip: {client}, reference: {page}")


def wrong_key() -> Rejected:
    """Refuse a signature that the app's key did not make, or a random string used before."""
    return Rejected(-1, "get new ticket fail: innerCode: -80002")


def unknown_app() -> Rejected:
    """Refuse an app id that nobody registered."""
    return Rejected(40013, "invalid appid")


def too_large(package: str, size: int, limit: int) -> Rejected:
    """Refuse a package; sizes in bytes, said in KB as WeChat does."""
    text = f"{package}source size {ceil(size / 1024)}KB exceed max limit {limit // 1024}KB"
    return Rejected(80051, text)


def unusable(detail: str) -> Rejected:
    """Refuse a call that is not as the protocol wants it."""
    return Rejected(-2, f"invalid request: {detail}")
