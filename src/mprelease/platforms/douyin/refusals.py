"""What Douyin's service says when it says no.

The tool itself knows the code 100001, and HTTP 401 for whoever is not logged in. No list of the
other codes is public, so a refusal is recognised by its words.
"""

import json
import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.douyin.credential import Login, Token

HOST = "developer.toutiao.com"
"""The host that the tool sends packages to."""

_NOT_CONFIGURED = 100001
_STRANGERS = {401, 403}
_STRANGER = re.compile(
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
    """A whole answer: its HTTP status, and its body as text."""

    status: int
    text: str

    def refusal(self) -> "Refusal | None":
        """Return what the answer refuses, and None for a yes or an answer that is none."""
        try:
            content = json.loads(self.text)
            code = int(content.get("error") or content.get("code") or 0)
            said = content.get("message") or content.get("msg") or ""
        except (ValueError, TypeError, AttributeError):
            code, said = 0, ""
        if self.status in _STRANGERS:
            return Refusal(self.status, str(said))
        return Refusal(code, str(said)) if code else None


@dataclass(frozen=True)
class Refusal:
    """A code, which may be an HTTP status, and the words to it."""

    code: int
    text: str


def problem_of(refusal: Refusal, app_id: str, who: Token | Login | None = None) -> StageFailed:
    """Return the problem that a refusal is; `who` is the credential that was refused, if known."""
    if refusal.code == _NOT_CONFIGURED:
        return StageFailed(Problem.APP_NOT_CONFIGURED, app_id=app_id, detail=refusal.text)
    if _APP_ID.search(refusal.text):
        return StageFailed(Problem.PLATFORM_APP_ID_UNKNOWN, app_id=app_id)
    if known := version_problem(refusal.text) or size_problem(refusal.text):
        return known
    if refusal.code in _STRANGERS or _STRANGER.search(refusal.text):
        if isinstance(who, Login):
            return login_refused(refusal.text)
        return StageFailed(Problem.TOKEN_REFUSED, app_id=app_id, detail=refusal.text)
    return StageFailed(Problem.PLATFORM_REFUSED, code=refusal.code, detail=refusal.text)


def login_refused(detail: str) -> StageFailed:
    """Return the problem of a person whom the platform does not let in, in its own words."""
    return StageFailed(Problem.LOGIN_REFUSED, detail=detail)


def version_problem(text: str) -> StageFailed | None:
    """Return the problem in words that name a version and the greater one before it."""
    found = _VERSIONS.search(text)
    if found and _COMPARED.search(text):
        return StageFailed(
            Problem.VERSION_NOT_GREATER, version=found["version"], last=found["last"]
        )
    return None


def size_problem(text: str) -> StageFailed | None:
    """Return the problem in words that name a size and its limit, as tool and service do."""
    if found := _SIZES.search(text):
        return StageFailed(
            Problem.PACKAGE_TOO_LARGE,
            size=_kib(found["size"], found["unit"]),
            limit=_kib(found["limit"], found["of"]),
        )
    return None


def _kib(number: str, unit: str) -> int:
    return round(float(number) * (1024 if unit == "M" else 1))
