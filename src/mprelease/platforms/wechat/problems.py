"""Map failures of miniprogram-ci 2.1.42 to problems.

Codes are those of its dist/config/config.js. Its other codes only identify one of its compilers;
their messages are more specific.
"""

import json
import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.driver import Failure
from mprelease.platforms.events import cut_off
from mprelease.platforms.wechat.refusals import HOST, Refusal, problem_of
from mprelease.platforms.wechat.source_problems import source_problem

_NO_RANDOM_STRING = 20001
_NO_SIGNATURE = 20002
_NOT_SENT = 20003
_LATE = "LATE"  # an error code of the bridge

_PREFIX = re.compile(r"(?:\w*Error: )*")
_REFUSAL = re.compile(r"errCode: (?P<code>-?\d+); errMsg: (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class ToolError:
    """An error event of the bridge.

    `code` is the tool's (a number) or the bridge's (a text), `path` the file of the tool's error,
    if it has one. `sent` is True if sending had begun.
    """

    kind: Kind
    app_id: str
    folder: str
    code: int | str | None
    path: str | None
    message: str
    sent: bool

    @property
    def detail(self) -> str:
        """Return the message without error names and the local folder."""
        return _PREFIX.sub("", self.message.replace(f"{self.folder}/", ""), count=1)


def failure_of(tool_error: ToolError) -> Failure:
    """Return the failure for an error, and whether the release may have arrived nevertheless."""
    if refusal := _refusal(tool_error.detail):
        return Failure(problem_of(refusal, tool_error.app_id))
    if tool_error.sent:
        return cut_off(tool_error.kind, HOST, tool_error.detail)
    return Failure(_local_problem(tool_error))


def _refusal(detail: str) -> Refusal | None:
    """Parse the platform's reply, which the tool quotes in one of two formats."""
    if found := _REFUSAL.match(detail):
        return Refusal(int(found["code"]), found["text"])
    try:
        reply = json.loads(detail)
        return Refusal(int(reply["errCode"]), str(reply.get("errMsg", "")))
    except (ValueError, KeyError, TypeError):
        return None


def _local_problem(tool_error: ToolError) -> StageFailed:
    detail = tool_error.detail
    if tool_error.code == _LATE:
        return StageFailed(Problem.PUBLISH_TOO_LATE)
    if tool_error.code == _NO_SIGNATURE:
        return StageFailed(Problem.KEY_UNREADABLE, detail=detail)
    if tool_error.code in {_NO_RANDOM_STRING, _NOT_SENT}:
        return StageFailed(Problem.PLATFORM_UNREACHABLE, host=HOST, detail=detail)
    known = source_problem(detail, tool_error.path)
    return known or StageFailed(Problem.PUBLISH_FAILED, detail=detail)
