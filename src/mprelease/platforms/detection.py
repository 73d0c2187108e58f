"""Detect to which platform an app id, a credential or a built page belongs."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem

_PAGES: Mapping[Platform, str] = {
    Platform.WECHAT: ".wxml",
    Platform.ALIPAY: ".axml",
    Platform.DOUYIN: ".ttml",
}


# Douyin's is the pattern that its tool checks.
_APP_IDS: Mapping[Platform, re.Pattern[str]] = {
    Platform.WECHAT: re.compile(r"wx[0-9a-f]{16}"),
    Platform.ALIPAY: re.compile(r"[0-9]{16}"),
    Platform.DOUYIN: re.compile(r"tt[0-9a-f]{16}([0-9a-f]{2})?"),
}
APP_ID_EXAMPLES: Mapping[Platform, str] = {
    Platform.WECHAT: "wx0123456789abcdef",
    Platform.ALIPAY: "2021000000000000",
    Platform.DOUYIN: "tt0123456789abcdef01",
}


def require_app_id(app_id: str, wanted: Platform) -> None:
    """Raise Refused(APP_ID_SHAPE or APP_ID_OF_OTHER_PLATFORM) unless an app id matches `wanted`."""
    found = next((each for each, form in _APP_IDS.items() if form.fullmatch(app_id)), None)
    if found is None:
        example = APP_ID_EXAMPLES[wanted]
        raise Refused(Problem.APP_ID_SHAPE, app_id=app_id, example=example)
    if found is not wanted:
        raise Refused(Problem.APP_ID_OF_OTHER_PLATFORM, app_id=app_id, found=found, wanted=wanted)


def credential_text(content: bytes, wanted: Platform) -> str:
    """Decode a credential file (UTF-8), without its byte order mark.

    Raise Refused(CREDENTIAL_OF_OTHER_PLATFORM) if it looks like another platform's credential, and
    Refused(KEY_SHAPE) if it is not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(Problem.KEY_SHAPE) from None
    found = platform_of_credential(text)
    if found not in {wanted, None}:
        raise Refused(Problem.CREDENTIAL_OF_OTHER_PLATFORM, found=found, wanted=wanted)
    return text


def platform_of_pages(
    root: Path, pages: Iterable[str], wanted: Platform | None = None
) -> tuple[Platform, str] | None:
    """Return the platform for which the pages below a folder were built, and the file it shows in.

    If there are files of several platforms, `wanted` has priority. Return None if no page has a
    file with the suffix of a platform.
    """
    files = ((each, f"{page}{suffix}") for page in pages for each, suffix in _PAGES.items())
    found = [(platform, file) for platform, file in files if (root / file).is_file()]
    return next((each for each in found if each[0] is wanted), found[0] if found else None)


def platform_of_credential(text: str) -> Platform | None:
    """Return the platform of a credential, judged by its format; None if it is unknown."""
    if "PRIVATE KEY-----" in text and not text.lstrip().startswith("{"):
        return Platform.WECHAT
    try:
        names = set(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None
    if {"toolId", "privateKey"} <= names:
        return Platform.ALIPAY
    return Platform.DOUYIN if names & {"token", "email"} else None
