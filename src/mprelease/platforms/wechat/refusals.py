"""Refusals of WeChat's service, as known from public reports.

Unknown refusals are reported with their code and text. The service wraps one refusal in another
("inner upload fail with errcode: …") with different codes, so a refusal is recognised by its text.
"""

import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem

HOST = "servicewechat.com"
"""The tool's only host, apart from an object storage for large packages."""

_IP = re.compile(r"invalid ip:? *(?P<ip>[0-9A-Fa-f.:]+)", re.IGNORECASE)
_APP_ID = re.compile(r"invalid appid|innerCode: 40013", re.IGNORECASE)
_KEY = re.compile(r"get new ticket fail|invalid signature", re.IGNORECASE)
_SIZE = re.compile(
    r"(?:(?P<main>main) package |subpackage (?P<root>\S+) )?"
    r"source size (?P<size>\d+) *KB exceed max limit (?P<limit>\d+) *KB"
)


@dataclass(frozen=True)
class Refusal:
    """A reply that is an error: WeChat's `errCode` and `errMsg`."""

    code: int
    text: str


def problem_of(refusal: Refusal, app_id: str) -> StageFailed:
    """Map a refusal to a problem; sizes in KB, as in WeChat's text."""
    if found := _IP.search(refusal.text):
        return StageFailed(Problem.IP_NOT_LISTED, ip=found["ip"])
    if found := _SIZE.search(refusal.text):
        return StageFailed(
            Problem.PACKAGE_TOO_LARGE,
            package=found["main"] or found["root"] or "",
            size=int(found["size"]),
            limit=int(found["limit"]),
        )
    if _APP_ID.search(refusal.text):
        return StageFailed(Problem.PLATFORM_APP_ID_UNKNOWN, app_id=app_id)
    if _KEY.search(refusal.text):
        return StageFailed(Problem.KEY_REFUSED, app_id=app_id)
    return StageFailed(Problem.PLATFORM_REFUSED, code=refusal.code, detail=refusal.text)
