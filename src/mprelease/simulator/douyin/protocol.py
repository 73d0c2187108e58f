"""What tt-ide-cli 0.1.33 sends, and what the simulated Douyin replies.

The models take a call field by field; anything else raises pydantic's ValidationError.

Sources of the errors: the tool's code handles the code 100001, and HTTP 401 with a message for a
caller who is not logged in. Every other code and text is an assumption.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, model_validator

from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.simulator.http import Rejected, Reply, json_reply
from mprelease.simulator.packages import MIB, CompileError, VersionNumber

BUILD_RUNNING, BUILD_READY = 1, 2
"""The states of a build in the reply to `compile_progress`."""

Channel = Annotated[int, Field(ge=1)]


def _deobfuscated(text: str) -> str:
    # Each character as the two hexadecimal digits of its code XOR 5 (`mix_mode` 1 of the login).
    return bytes(byte ^ 5 for byte in bytes.fromhex(text)).decode("utf-8")


Obfuscated = Annotated[str, AfterValidator(_deobfuscated)]


class LoginCall(BaseModel):
    """A login by e-mail; address and password are obfuscated, not encrypted."""

    aid: int
    mix_mode: Annotated[int, Field(ge=1, le=1)]
    email: Obfuscated
    password: Obfuscated


class PreviewCall(BaseModel):
    """The fields beside the package of a preview."""

    model_config = ConfigDict(extra="forbid")

    local_compile_version: str


class UploadCall(BaseModel):
    """The fields beside the package of an upload; `tag` is the test channel (通道)."""

    model_config = ConfigDict(extra="forbid")

    local_compile_version: str
    version: VersionNumber
    intro: Annotated[str, Field(min_length=1)]
    need_check: bool
    extra_check_info_json: Json[dict[str, object]]
    need_upload_sourcemap: bool
    tag: Channel | None = None


class SchemaStage(StrEnum):
    """Which package the URL is requested for: the last preview, or an uploaded version."""

    PREVIEW = "preview"
    LATEST = "latest"


class SchemaParameters(BaseModel):
    """How the QR code opens the app; `start_page` is percent-encoded and includes the query."""

    start_page: str
    query: str
    scene: str
    bdp_log: Json[dict[str, object]]
    penetrate_map_json: Json[dict[str, object]]
    version_num: VersionNumber | None = None
    tag: Channel | None = None

    @property
    def page(self) -> str | None:
        """Return the page without its query."""
        return unquote(self.start_page).partition("?")[0] or None

    @model_validator(mode="after")
    def _queries_agree(self) -> Self:
        _, _, query = unquote(self.start_page).partition("?")
        if self.page and query != self.query:
            message = f"the start page has the query {query!r}, the call {self.query!r}"
            raise ValueError(message)
        return self


class SchemaCall(BaseModel):
    """A request for the URL that a QR code contains."""

    app_id: str
    shelled_tech_type: int
    stage: SchemaStage
    schema_params: SchemaParameters

    @property
    def kind(self) -> Kind:
        """Return the kind of the package."""
        return Kind.UPLOAD if self.stage is SchemaStage.LATEST else Kind.PREVIEW

    @property
    def launch(self) -> LaunchOptions:
        """Return page, query and scene."""
        parameters = self.schema_params
        scene = int(parameters.scene) if parameters.scene.isdecimal() else None
        return LaunchOptions(parameters.page, parameters.query or None, scene)


def success(**content: object) -> Reply:
    """Return the reply to one of the older calls, whose status field is `error`."""
    return json_reply({"error": 0, "message": "success", **content})


def success_with_data(data: Mapping[str, object]) -> Reply:
    """Return the reply to one of the newer calls, whose status field is `code`."""
    return json_reply({"code": 0, "msg": "success", "data": data})


def app_meta() -> Reply:
    """Return an app's type: not a game (`tech_type` 16), and not of a third-party platform."""
    third_party = {"is_thirdparty_dev": False, "thirdparty": {"name": ""}}
    return success(data={"version": "0.0.0", "tech_type": 1, **third_party})


def logged_in(user_id: str, session: str) -> Reply:
    """Return the reply to a login, with the session cookie."""
    reply = json_reply({"message": "success", "data": {"user_id_str": user_id}})
    cookie = f"sessionid_microapp={session}; Path=/; HttpOnly; Secure"
    return Reply(reply.body, reply.status, headers={"Set-Cookie": cookie})


def build_state(state: int) -> Reply:
    """Return the state of a build, BUILD_RUNNING or BUILD_READY."""
    return success(status=state, pass_json="{}")  # noqa: S106 the tool's name, not a password


def build_error(error: CompileError) -> Reply:
    """Return an error of the platform's compiler."""
    text = f"{error.file}: {error.message} ({error.line}:{error.column})"
    link = "https://developer.open-douyin.com/docs/compile-error"
    return json_reply({"error": 1, "message": text, "err_link": link})


def login_refused() -> Reply:
    """Return the error for a wrong e-mail address or password."""
    data = {"error_code": 1009, "description": "帐号或密码错误"}
    return json_reply({"message": "error", "data": data})


def not_logged_in() -> Rejected:
    """Return the error for a call without a token or session that is valid for the app."""
    return _error(401, "尚未登录或 token 已过期", HTTPStatus.UNAUTHORIZED)


def unknown_app() -> Rejected:
    """Return the error for an app id that is not registered."""
    return _error(10002, "appid 不存在")


def not_configured() -> Rejected:
    """Return the error for an app without development settings (开发配置)."""
    return _error(100001, "development config is missing")


def not_greater(version: str, last: str) -> Rejected:
    """Return the error for a version that is not greater than the last one."""
    return _error(10021, f"版本号 {version} 需大于上一版本 {last}")


def too_large(size: int, limit: int) -> Rejected:
    """Return the error for a package over the limit; arguments in bytes, the text says MB."""
    return _error(10031, f"代码包大小为 {size / MIB:.2f}MB，超过 {limit / MIB:.2f}MB")


def no_qr_code() -> Rejected:
    """Return the error for a QR code that cannot be created."""
    return _error(10041, "schema service is busy")


def invalid_request(detail: str) -> Rejected:
    """Return the error for a call that violates the protocol."""
    return _error(10000, f"invalid request: {detail}")


def _error(code: int, text: str, status: int = HTTPStatus.OK) -> Rejected:
    # Some calls name code and text `error` and `message`, others `code` and `msg`; the tool reads
    # both.
    content = {"error": code, "message": text, "code": code, "msg": text, "data": text}
    return Rejected(json_reply(content, status))
