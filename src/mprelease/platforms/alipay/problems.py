"""Map failures of minidev 2.2.5 to problems."""

import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.alipay.refusals import HOST, problem_of, refusal_in
from mprelease.platforms.driver import Failure
from mprelease.platforms.events import cut_off

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
