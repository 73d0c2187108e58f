"""Parse the events of the bridge to minidev; map its errors and refusals to problems."""

import json
import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind, Publication, Sizes
from mprelease.platforms import events
from mprelease.platforms.driver import Event, Failure, PublishOrder, Result, ToolDownload
from mprelease.platforms.events import EventFields, cut_off
from mprelease.platforms.images import Image, image_in

# Refusals of the service are a text in Chinese, without a code. Only the text 验签失败 is known
# from public reports; of the others only the meaning is known.

HOST = "ideservice.alipay.com"
"""The host to which the tool uploads packages."""

VERSIONS = 20
"""The limit of development versions per app (Taro's driver, pull request 14316)."""

_KEY = re.compile(r"验签|签名|密钥|toolId|sign(ature)? ?(is )?(invalid|error|fail)", re.IGNORECASE)
_IP = re.compile(r"(?P<ip>\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]+)")
_IP_LIST = re.compile(r"白名单|white ?list", re.IGNORECASE)
_APP = re.compile(r"(小程序|应用|app).{0,40}(不存在|没有权限|无权限|not exist)", re.IGNORECASE)
_COMPARED = re.compile(r"大于|高于|小于|低于|greater|higher|smaller|lower", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+\.\d+\.\d+")
_TOO_MANY = re.compile(r"版本.{0,20}(上限|超过|最多)")
_SIZES = re.compile(
    r"(?P<size>\d+(?:\.\d+)?) ?(?P<unit>[KM])B?\D+(?P<limit>\d+(?:\.\d+)?) ?(?P<of>[KM])B?"
)


def refusal_in(text: str) -> str | None:
    """Return the reason in a refusal; None for success, or if it is not a response of the API."""
    try:
        answer = json.loads(text)
        if answer["stat"] == "ok":
            return None
        return str(answer.get("msg") or answer["stat"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def problem_of(text: str, app_id: str, version: str = "") -> StageFailed:
    """Map a refusal to a problem; sizes in KB."""
    if _IP_LIST.search(text):
        found = _IP.search(text)
        return StageFailed(Problem.IP_NOT_LISTED, ip=found["ip"] if found else "")
    if _KEY.search(text):
        return StageFailed(Problem.KEY_REFUSED, app_id=app_id)
    if _APP.search(text):
        return StageFailed(Problem.PLATFORM_APP_ID_UNKNOWN, app_id=app_id)
    known = _version_problem(text, version) or _size_problem(text)
    return known or StageFailed(Problem.PLATFORM_REFUSED, code="fail", detail=text)


def _version_problem(text: str, version: str) -> StageFailed | None:
    if _TOO_MANY.search(text):
        return StageFailed(Problem.VERSION_LIMIT, limit=VERSIONS)
    if not _COMPARED.search(text) or "版本" not in text:
        return None
    others = [number for number in _NUMBERS.findall(text) if number != version]
    last = others[-1] if others else version
    return StageFailed(Problem.VERSION_NOT_GREATER, version=version, last=last)


def _size_problem(text: str) -> StageFailed | None:
    found = _SIZES.search(text)
    if not found:
        return None
    return StageFailed(
        Problem.PACKAGE_TOO_LARGE,
        size=_kib(found["size"], found["unit"]),
        limit=_kib(found["limit"], found["of"]),
    )


def _kib(number: str, unit: str) -> int:
    return round(float(number) * (1024 if unit == "M" else 1))


# Failures of minidev 2.2.5.

# Error codes of the bridge.
_LATE = "LATE"
_UNFINISHED = "UNFINISHED"

# An error code of the tool, which also appends it to the message.
_BUILD_FAILED = "PublishBuildError"
_CODE = re.compile(r"\s*\(ErrorCode: [\w.]+\)\s*$")
_PREFIX = re.compile(r"(?:\w*Error: )*")
_COMPILER_FAILED = re.compile(r"fork fail\([^)]*\):\n[^\n]*\n+")
# One line of a compiler's errors. The vendor's format is not public; this is the simulator's.
_PLACE = re.compile(r"(?P<file>[\w./@-]+\.\w+):(?P<line>\d+)(?::\d+)?:? (?P<detail>[^\n]+)")
_PAGE = re.compile(r"(?P<file>[\w./-]+\.json):\d+: the page (?P<page>\S+) has no (?P<missing>\S+)")


@dataclass(frozen=True)
class ToolError:
    """An error event of the bridge.

    `code` is the tool's or the bridge's, `log` the log of a build on the platform's side. `sent` is
    True if sending had begun, `task` is the platform's number of an upload, `call` the last request
    (method, host and path), and `answer` the text of its response, if there was one.
    """

    kind: Kind
    app_id: str
    version: str
    folder: str
    code: str | None
    message: str
    log: str | None
    sent: bool
    task: str | None
    call: str | None
    answer: str | None

    @property
    def detail(self) -> str:
        """Return the message without error names, error codes and the local folder."""
        text = self.message.replace(f"{self.folder}/", "")
        return _CODE.sub("", _PREFIX.sub("", text, count=1))

    @property
    def refusal(self) -> str | None:
        """Return the platform's reason for refusing the last request; None if it did not."""
        return refusal_in(self.answer) if self.answer else None


def failure_of(tool_error: ToolError) -> Failure:
    """Return the failure for an error, and whether the release may have arrived nevertheless."""
    if tool_error.code == _LATE:
        return Failure(StageFailed(Problem.PUBLISH_TOO_LATE))
    if tool_error.code == _BUILD_FAILED:
        return Failure(_build_problem(tool_error.log or tool_error.detail))
    if tool_error.code == _UNFINISHED:
        return Failure(StageFailed(Problem.PLATFORM_BUILD_UNFINISHED), may_have_arrived=True)
    if tool_error.refusal and not tool_error.task:
        return Failure(problem_of(tool_error.refusal, tool_error.app_id, tool_error.version))
    if tool_error.sent:
        return cut_off(tool_error.kind, HOST, tool_error.detail)
    return Failure(_local_problem(tool_error))


def _build_problem(log: str) -> StageFailed:
    return _source_problem(log) or StageFailed(Problem.PLATFORM_BUILD_FAILED, detail=log)


def _source_problem(text: str) -> StageFailed | None:
    if found := _PAGE.search(text):
        return StageFailed(Problem.PAGE_MISSING, **found.groupdict())
    if found := _PLACE.search(text):
        place = {"file": found["file"], "detail": found["detail"]}
        return StageFailed(Problem.SOURCE_SYNTAX_ERROR, line=int(found["line"]), **place)
    return None


def _local_problem(tool_error: ToolError) -> StageFailed:
    detail = tool_error.detail
    if found := _COMPILER_FAILED.match(detail):
        text = detail[found.end() :]
        return _source_problem(text) or StageFailed(Problem.PUBLISH_FAILED, detail=text or detail)
    if tool_error.call and tool_error.answer is None:
        host = tool_error.call.split()[-1].split("/")[0]
        return StageFailed(Problem.PLATFORM_UNREACHABLE, host=host, detail=detail)
    return StageFailed(Problem.PUBLISH_FAILED, detail=detail)


def event_of(line: str, order: PublishOrder | None) -> Event:
    """Parse an event; raise StageFailed(PUBLISH_EVENT_UNREADABLE) if it is not valid."""
    return events.read(line, order, {"fetched": _fetched, "result": _result, "error": _failure})


def _fetched(_facts: EventFields, _order: PublishOrder) -> ToolDownload:
    return ToolDownload()


def _result(facts: EventFields, order: PublishOrder) -> Result:
    code = facts.optional_part("code")
    image = image_in(order.scratch) if code and code.flag("written") else None
    hints = (*_version_hints(facts, order), *_code_hints(code, image))
    sizes = _sizes(facts.optional_part("sizes"))
    if image is None:
        return Result(Publication(sizes=sizes), hints)
    return Result(Publication(image.content, image.media_type, sizes), hints)


def _version_hints(facts: EventFields, order: PublishOrder) -> tuple[Message, ...]:
    hints = []
    if removed := facts.optional_text("removed"):
        hints.append(Message("hint.alipay_removed", {"version": removed}))
    if (refused := facts.optional_text("refused")) is not None:
        parameters = {"version": order.version, "detail": refused}
        hints.append(Message("hint.alipay_not_experience", parameters))
    return tuple(hints)


def _code_hints(code: EventFields | None, image: Image | None) -> tuple[Message, ...]:
    """Return the hint with the address of a QR code without a valid image."""
    if code is None or image is not None:
        return ()
    return (Message("hint.alipay_no_qr_code", {"address": code.text("address")}),)


def _sizes(facts: EventFields | None) -> Sizes | None:
    if facts is None:
        return None
    packages, main = facts.numbers("packages"), facts.number("main")
    return Sizes(main + sum(packages.values()), main, packages)


def _failure(facts: EventFields, order: PublishOrder) -> Failure:
    reply = facts.optional_part("reply")
    code = facts.code("errorCode") or facts.code("code")
    task = facts.code("task")
    tool_error = ToolError(
        kind=order.kind,
        app_id=order.account.platform_app_id,
        version=order.version,
        folder=str(order.built),
        code=None if code is None else str(code),
        message=facts.text("message"),
        log=facts.optional_text("log"),
        sent=facts.flag("sent"),
        task=None if task is None else str(task),
        call=facts.optional_text("call"),
        answer=reply.text("text") if reply else None,
    )
    return failure_of(tool_error)
