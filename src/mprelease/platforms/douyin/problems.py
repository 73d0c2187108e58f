"""Failures of tt-ide-cli 0.1.33, and the problems that they are."""

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

_LATE = "LATE"  # the bridge's own
_TOO_LONG = "ERR_FR_MAX_BODY_LENGTH_EXCEEDED"
_PREFIX = re.compile(r"(?:\w*Error: )*")
_PUT = re.compile(r"PUT .*/(testing|preview)$")
_WAITED = "查询编译进度超时"
# As Babel, with which the tool's own desktop sibling compiles, names a place. Assumed.
_PLACE = re.compile(r"(?P<file>[^\s:]+\.\w+): (?P<detail>[^\n]+) \((?P<line>\d+):\d+\)")
# What the tool's HTTP client says of an answer that broke off; no limit of that kind is set.
_BROKEN_OFF = "maxContentLength size of -1 exceeded"


@dataclass(frozen=True)
class Complaint:
    """A failure as the bridge tells it.

    `name` and `code` are the tool's, or its HTTP client's; `link` is a page that explains a build
    error. `sent` says that sending had begun, `call` names the last call (method, host and path),
    and `reply` is the whole answer to it, if there was one.
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
        """Return the message without the names of errors and the folder on this machine."""
        said = _PREFIX.sub("", self.message.replace(f"{self.folder}/", ""), count=1)
        return said.replace(_BROKEN_OFF, "the answer broke off")

    @property
    def was_taken(self) -> bool:
        """Tell whether the platform had taken the package, and something failed after that."""
        return self.sent and not _PUT.match(self.call or "")


def failure_of(complaint: Complaint) -> Failure:
    """Return what a complaint means, and whether the platform may hold the release anyway."""
    if surely := _surely_not_there(complaint):
        return Failure(surely)
    if complaint.message == _WAITED and not _refusal(complaint):
        return Failure(StageFailed(Problem.PLATFORM_BUILD_UNFINISHED), may_have_arrived=True)
    if known := _refused(complaint):
        return Failure(known, may_have_arrived=complaint.was_taken)
    if complaint.sent:
        return cut_off(complaint.kind, HOST, complaint.detail)
    return Failure(_local_problem(complaint))


def _surely_not_there(complaint: Complaint) -> StageFailed | None:
    """Return the problem of what was sent not at all, not to its end, or could not be built."""
    if complaint.code == _LATE:
        return StageFailed(Problem.PUBLISH_TOO_LATE)
    if complaint.code == _TOO_LONG:
        detail = "the package is larger than 32 MiB, the limit of tt-ide-cli"
        return StageFailed(Problem.PUBLISH_FAILED, detail=detail)
    if complaint.name == "Compile Error" and complaint.reply and complaint.code == 1:
        return _build_problem(complaint)
    return None


def _build_problem(complaint: Complaint) -> StageFailed:
    if found := _PLACE.match(complaint.detail):
        return StageFailed(
            Problem.SOURCE_SYNTAX_ERROR,
            file=found["file"],
            line=int(found["line"]),
            detail=found["detail"],
        )
    detail = " ".join(part for part in (complaint.detail, complaint.link) if part)
    return StageFailed(Problem.PLATFORM_BUILD_FAILED, detail=detail)


def _refused(complaint: Complaint) -> StageFailed | None:
    if complaint.name == "Login Error" and (complaint.reply or not complaint.call):
        return login_refused(complaint.detail)
    refusal = _refusal(complaint)
    return problem_of(refusal, complaint.app_id) if refusal else None


def _refusal(complaint: Complaint) -> Refusal | None:
    return complaint.reply.refusal() if complaint.reply else None


def _local_problem(complaint: Complaint) -> StageFailed:
    detail = complaint.detail
    if complaint.call and not _was_answered(complaint):
        return StageFailed(Problem.PLATFORM_UNREACHABLE, host=HOST, detail=detail)
    if complaint.name == "PackageSize Error":
        return size_problem(detail) or StageFailed(Problem.PUBLISH_FAILED, detail=detail)
    if complaint.name == "Upload Error" and (known := version_problem(detail)):
        return known
    return StageFailed(Problem.PUBLISH_FAILED, detail=detail)


def _was_answered(complaint: Complaint) -> bool:
    return complaint.reply is not None and complaint.reply.status < 500  # noqa: PLR2004 HTTP
