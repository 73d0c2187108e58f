"""Parse the events of the bridge to tt-ide-cli; map its errors and refusals to problems."""

import json
import re
from dataclasses import dataclass

from mprelease.domain.codes import UNLIMITED, Lifetime, ending
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.driver import Event, Failure, PublishOrder, Result
from mprelease.platforms.events import EventFields, cut_off
from mprelease.platforms.images import draw_qr_code

# Refusals of the service. The tool handles the code 100001, and HTTP 401 for a request without a
# login. There is no public list of the other codes, so a refusal is recognised by its text.

HOST = "developer.toutiao.com"
"""The host to which the tool uploads packages."""

_NOT_CONFIGURED = 100001
_UNAUTHORIZED = {401, 403}
_UNAUTHORIZED_TEXT = re.compile(
    r"token.{0,20}(过期|失效|无效|invalid|expired)|(invalid|expired).{0,10}token|session expired|"
    r"not log(ged)? ?in|未登录|重新登录|鉴权|无权限",
    re.IGNORECASE,
)
_APP_ID = re.compile(
    r"app ?_?id.*(不存在|无效|错误|not (exist|found)|invalid)|invalid app ?_?id", re.IGNORECASE
)
_COMPARED = re.compile(r"大于|高于|小于|低于|greater|higher|smaller|lower", re.IGNORECASE)
_VERSIONS = re.compile(r"(?P<version>\d+\.\d+\.\d+)\D+(?P<last>\d+\.\d+\.\d+)")
_SIZES = re.compile(
    r"(?P<size>\d+(?:\.\d+)?) ?(?P<unit>[KM])B\D+(?P<limit>\d+(?:\.\d+)?) ?(?P<of>[KM])B"
)


@dataclass(frozen=True)
class Reply:
    """A complete response: its HTTP status, and its body as text."""

    status: int
    text: str

    def refusal(self) -> "Refusal | None":
        """Return the refusal in the response; None for success, or if the body is not the API's."""
        try:
            content = json.loads(self.text)
            code = int(content.get("error") or content.get("code") or 0)
            message = content.get("message") or content.get("msg") or ""
        except (ValueError, TypeError, AttributeError):
            code, message = 0, ""
        if self.status in _UNAUTHORIZED:
            return Refusal(self.status, str(message))
        return Refusal(code, str(message)) if code else None


@dataclass(frozen=True)
class Refusal:
    """A code, which may be an HTTP status, and its message."""

    code: int
    text: str


def problem_of(refusal: Refusal, app_id: str, *, after_login: bool = False) -> StageFailed:
    """Map a refusal to a problem; `after_login` if a user's login was used, and not a token."""
    if refusal.code == _NOT_CONFIGURED:
        return StageFailed(Problem.APP_NOT_CONFIGURED, app_id=app_id, detail=refusal.text)
    if _APP_ID.search(refusal.text):
        return StageFailed(Problem.PLATFORM_APP_ID_UNKNOWN, app_id=app_id)
    if known := version_problem(refusal.text) or size_problem(refusal.text):
        return known
    if refusal.code in _UNAUTHORIZED or _UNAUTHORIZED_TEXT.search(refusal.text):
        if after_login:
            return login_refused(refusal.text)
        return StageFailed(Problem.TOKEN_REFUSED, app_id=app_id, detail=refusal.text)
    return StageFailed(Problem.PLATFORM_REFUSED, code=refusal.code, detail=refusal.text)


def login_refused(detail: str) -> StageFailed:
    """Return the problem of a refused login; `detail` is the platform's message."""
    return StageFailed(Problem.LOGIN_REFUSED, detail=detail)


def version_problem(text: str) -> StageFailed | None:
    """Return the problem of a text that names a version and the greater last one, else None."""
    found = _VERSIONS.search(text)
    if found and _COMPARED.search(text):
        return StageFailed(
            Problem.VERSION_NOT_GREATER, version=found["version"], last=found["last"]
        )
    return None


def size_problem(text: str) -> StageFailed | None:
    """Return the problem of a text that names a size and its limit, else None; sizes in KB."""
    if found := _SIZES.search(text):
        return StageFailed(
            Problem.PACKAGE_TOO_LARGE,
            size=_kib(found["size"], found["unit"]),
            limit=_kib(found["limit"], found["of"]),
        )
    return None


def _kib(number: str, unit: str) -> int:
    return round(float(number) * (1024 if unit == "M" else 1))


# Failures of tt-ide-cli 0.1.33.

_LATE = "LATE"  # an error code of the bridge
_TOO_LONG = "ERR_FR_MAX_BODY_LENGTH_EXCEEDED"
_PREFIX = re.compile(r"(?:\w*Error: )*")
_PUT = re.compile(r"PUT .*/(testing|preview)$")
_BUILD_TIMEOUT = "查询编译进度超时"
# The format of Babel, which the vendor's desktop tool compiles with; assumed for the service.
_PLACE = re.compile(r"(?P<file>[^\s:]+\.\w+): (?P<detail>[^\n]+) \((?P<line>\d+):\d+\)")
# The misleading error of the tool's HTTP client for a truncated response; no limit is set.
_TRUNCATED = "maxContentLength size of -1 exceeded"


@dataclass(frozen=True)
class ToolError:
    """An error event of the bridge.

    `name` and `code` are the tool's, or its HTTP client's; `link` is a page that explains a build
    error. `sent` is True if sending had begun, `call` is the last request (method, host and path),
    and `reply` its complete response, if there was one.
    """

    kind: Kind
    app_id: str
    version: str
    folder: str
    name: str | None
    code: int | str | None
    link: str | None
    message: str
    sent: bool
    call: str | None
    reply: Reply | None

    @property
    def detail(self) -> str:
        """Return the message without error names and the local folder."""
        text = _PREFIX.sub("", self.message.replace(f"{self.folder}/", ""), count=1)
        return text.replace(_TRUNCATED, "the answer broke off")

    @property
    def was_taken(self) -> bool:
        """Return whether the failure happened after the platform had accepted the package."""
        return self.sent and not _PUT.match(self.call or "")


def failure_of(tool_error: ToolError) -> Failure:
    """Return the failure for an error, and whether the release may have arrived nevertheless."""
    if not_published := _certainly_not_published(tool_error):
        return Failure(not_published)
    if tool_error.message == _BUILD_TIMEOUT and not _refusal(tool_error):
        return Failure(StageFailed(Problem.PLATFORM_BUILD_UNFINISHED), may_have_arrived=True)
    if known := _refused(tool_error):
        return Failure(known, may_have_arrived=tool_error.was_taken)
    if tool_error.sent:
        return cut_off(tool_error.kind, HOST, tool_error.detail)
    return Failure(_local_problem(tool_error))


def _certainly_not_published(tool_error: ToolError) -> StageFailed | None:
    """Return the problem if the package was not sent, not completely sent, or not built."""
    if tool_error.code == _LATE:
        return StageFailed(Problem.PUBLISH_TOO_LATE)
    if tool_error.code == _TOO_LONG:
        return StageFailed(Problem.TOOL_PACKAGE_LIMIT, tool="tt-ide-cli", mebibytes=32)
    if tool_error.name == "Compile Error" and tool_error.reply and tool_error.code == 1:
        return _build_problem(tool_error)
    return None


def _build_problem(tool_error: ToolError) -> StageFailed:
    if found := _PLACE.match(tool_error.detail):
        return StageFailed(
            Problem.SOURCE_SYNTAX_ERROR,
            file=found["file"],
            line=int(found["line"]),
            detail=found["detail"],
        )
    detail = " ".join(part for part in (tool_error.detail, tool_error.link) if part)
    return StageFailed(Problem.PLATFORM_BUILD_FAILED, detail=detail)


def _refused(tool_error: ToolError) -> StageFailed | None:
    if tool_error.name == "Login Error" and (tool_error.reply or not tool_error.call):
        return login_refused(tool_error.detail)
    refusal = _refusal(tool_error)
    return problem_of(refusal, tool_error.app_id) if refusal else None


def _refusal(tool_error: ToolError) -> Refusal | None:
    return tool_error.reply.refusal() if tool_error.reply else None


def _local_problem(tool_error: ToolError) -> StageFailed:
    detail = tool_error.detail
    if tool_error.call and not _was_answered(tool_error):
        return StageFailed(Problem.PLATFORM_UNREACHABLE, host=HOST, detail=detail)
    if tool_error.name == "PackageSize Error":
        return size_problem(detail) or StageFailed(Problem.PUBLISH_FAILED, detail=detail)
    if tool_error.name == "Upload Error" and (known := version_problem(detail)):
        return known
    return StageFailed(Problem.PUBLISH_FAILED, detail=detail)


def _was_answered(tool_error: ToolError) -> bool:
    return tool_error.reply is not None and tool_error.reply.status < 500  # noqa: PLR2004 HTTP


_NEVER = -1  # the tool's value for a code that does not expire
_LATEST = 253_402_300_799 - 86_400  # seconds since the epoch: the end of datetime's range, less 1 d
_LONGEST_ADDRESS = 500  # characters; the tool's addresses have about 30


def event_of(line: str, order: PublishOrder | None) -> Event:
    """Parse an event; raise StageFailed(PUBLISH_EVENT_UNREADABLE) if it is not valid."""
    return events.read(line, order, {"result": _result, "error": _failure})


def _result(facts: EventFields, _order: PublishOrder) -> Result:
    sizes = _sizes(facts.part("sizes"))
    address = facts.optional_text("shortUrl")
    if address is None:
        hint = Message("hint.douyin_no_qr_code", {"detail": facts.optional_text("detail") or ""})
        return Result(Publication(sizes=sizes), (hint,))
    if not 0 < len(address) <= _LONGEST_ADDRESS:
        raise ValueError("shortUrl is no address")
    # Drawn here, because the image that the tool makes is transparent.
    code = draw_qr_code(address)
    return Result(Publication(code, "image/png", sizes, _lifetime(facts)))


def _lifetime(facts: EventFields) -> Lifetime | None:
    """Return the lifetime of the code in the platform's answer; None without one."""
    if facts.code("expireTime") == _NEVER:
        return UNLIMITED
    seconds = facts.number("expireTime")
    return ending(seconds * 1000) if 0 < seconds < _LATEST else None


def _sizes(facts: EventFields) -> Sizes:
    packages = {one.text("path"): one.number("size") for one in facts.parts("sub")}
    return Sizes(facts.number("total"), facts.part("main").number("size"), packages)


def _failure(facts: EventFields, order: PublishOrder) -> Failure:
    reply = facts.optional_part("reply")
    tool_error = ToolError(
        kind=order.kind,
        app_id=order.account.platform_app_id,
        version=order.version,
        folder=str(order.built),
        name=facts.optional_text("name"),
        code=facts.code("code"),
        link=facts.optional_text("errLink"),
        message=facts.text("message"),
        sent=facts.flag("sent"),
        call=facts.optional_text("call"),
        reply=Reply(reply.number("status"), reply.text("text")) if reply else None,
    )
    return failure_of(tool_error)
