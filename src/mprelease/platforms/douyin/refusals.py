"""Refusals of Douyin's service.

The tool handles the code 100001, and HTTP 401 for a request without a login. There is no public
list of the other codes, so a refusal is recognised by its text.
"""

import json
import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.douyin.credential import Login, Token

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


def problem_of(
    refusal: Refusal, app_id: str, credential: Token | Login | None = None
) -> StageFailed:
    """Map a refusal to a problem; `credential` is the one that was used, if known."""
    if refusal.code == _NOT_CONFIGURED:
        return StageFailed(Problem.APP_NOT_CONFIGURED, app_id=app_id, detail=refusal.text)
    if _APP_ID.search(refusal.text):
        return StageFailed(Problem.PLATFORM_APP_ID_UNKNOWN, app_id=app_id)
    if known := version_problem(refusal.text) or size_problem(refusal.text):
        return known
    if refusal.code in _UNAUTHORIZED or _UNAUTHORIZED_TEXT.search(refusal.text):
        if isinstance(credential, Login):
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
