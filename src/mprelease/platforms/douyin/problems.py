"""Map failures of tt-ide-cli 0.1.33 to problems."""

import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.douyin.refusals import (
    HOST,
    Refusal,
    Reply,
    login_refused,
    problem_of,
    size_problem,
    version_problem,
)
from mprelease.platforms.driver import Failure
from mprelease.platforms.events import cut_off

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
        detail = "the package is larger than 32 MiB, the limit of tt-ide-cli"
        return StageFailed(Problem.PUBLISH_FAILED, detail=detail)
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
