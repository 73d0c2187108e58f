"""The ways in which the simulated Douyin says no.

The tool itself knows the code 100001, and that a caller who is not logged in gets HTTP 401 with a
message. Every other code and text here is an assumption.
"""

from enum import StrEnum, auto
from http import HTTPStatus

from mprelease.simulator.service import Reply, json_reply
from mprelease.simulator.sources import Mistake


class Refusal(StrEnum):
    """How the service is told to treat an app.

    TOKEN_EXPIRED and UNKNOWN_APP hold for every call; BUILD_ERROR lets the sending pass and fails
    in the compiler; NO_QR_CODE refuses only the last call. The others answer what was sent:
    SLOW and CONNECTION_CUT accept it, and the client just does not learn it (in time).
    """

    TOKEN_EXPIRED = auto()
    UNKNOWN_APP = auto()
    NOT_CONFIGURED = auto()
    VERSION_NOT_GREATER = auto()
    TOO_LARGE = auto()
    BUILD_ERROR = auto()
    NO_QR_CODE = auto()
    SERVER_ERROR = auto()
    SLOW = auto()
    CONNECTION_CUT = auto()


class Rejected(Exception):
    """A call is answered with an error."""

    def __init__(self, code: int, text: str, status: int = HTTPStatus.OK) -> None:
        """Name the code and the text; some calls name them `error`, `message`, some `code`, `msg`.

        All names are sent, because the tool reads both kinds.
        """
        super().__init__(code, text)
        content = {"error": code, "message": text, "code": code, "msg": text, "data": text}
        self.reply = json_reply(content, status)


def not_logged_in() -> Rejected:
    """Refuse a call without a token or session that is good for the app."""
    return Rejected(401, "尚未登录或 token 已过期", HTTPStatus.UNAUTHORIZED)


def unknown_app() -> Rejected:
    """Refuse an app id that nobody registered."""
    return Rejected(10002, "appid 不存在")


def not_configured() -> Rejected:
    """Refuse an app whose 开发配置 nobody has filled in."""
    return Rejected(100001, "development config is missing")


def not_greater(version: str, last: str) -> Rejected:
    """Refuse a version that is not greater than the last one."""
    return Rejected(10021, f"版本号 {version} 需大于上一版本 {last}")


def too_large(size: int, limit: int) -> Rejected:
    """Refuse a package; sizes in bytes, said in MB."""
    mib = 1024 * 1024
    return Rejected(10031, f"代码包大小为 {size / mib:.2f}MB，超过 {limit / mib:.2f}MB")


def unusable(detail: str) -> Rejected:
    """Refuse a call that is not as the protocol wants it."""
    return Rejected(10000, f"invalid request: {detail}")


def no_qr_code() -> Rejected:
    """Refuse to make the address of a QR code."""
    return Rejected(10041, "schema service is busy")


def login_refused() -> Reply:
    """Refuse an e-mail address or its password."""
    data = {"error_code": 1009, "description": "帐号或密码错误"}
    return json_reply({"message": "error", "data": data})


def build_error(found: Mistake) -> Reply:
    """Tell that the compiler on the platform's side found a mistake."""
    text = f"{found.file}: {found.detail} ({found.line}:{found.column})"
    link = "https://developer.open-douyin.com/docs/compile-error"
    return json_reply({"error": 1, "message": text, "err_link": link})
