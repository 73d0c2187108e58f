"""Refusals of Alipay's service: a text in Chinese, without a code.

Only the text 验签失败 is known from public reports; of the others only the meaning is known.
"""

import json
import re

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem

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
