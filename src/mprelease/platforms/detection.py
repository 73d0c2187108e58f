"""By what app ids, credentials and files of the platforms are told apart."""

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


# Douyin's as its tool checks it.
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
    """Raise Refused unless an app id has the form of a platform's."""
    found = next((each for each, form in _APP_IDS.items() if form.fullmatch(app_id)), None)
    if found is None:
        example = APP_ID_EXAMPLES[wanted]
        raise Refused(Problem.APP_ID_SHAPE, app_id=app_id, example=example)
    if found is not wanted:
        raise Refused(Problem.APP_ID_OF_OTHER_PLATFORM, app_id=app_id, found=found, wanted=wanted)


def credential_text(content: bytes, wanted: Platform) -> str:
    """Return what a credential file says, without a byte order mark.

    Raise Refused(CREDENTIAL_OF_OTHER_PLATFORM) for what looks like another platform's, and
    Refused(KEY_SHAPE) for what is no text.
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
    """Return for which platform the pages below a folder were built, and the file that shows it.

    The wanted platform goes first, where there are files of several. Return None when no page has
    a file that shows anything.
    """
    files = ((each, f"{page}{suffix}") for page in pages for each, suffix in _PAGES.items())
    found = [(platform, file) for platform, file in files if (root / file).is_file()]
    return next((each for each in found if each[0] is wanted), found[0] if found else None)


def platform_of_credential(text: str) -> Platform | None:
    """Return to which platform a credential belongs, as far as its shape tells."""
    if "PRIVATE KEY-----" in text and not text.lstrip().startswith("{"):
        return Platform.WECHAT
    try:
        names = set(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None
    if {"toolId", "privateKey"} <= names:
        return Platform.ALIPAY
    return Platform.DOUYIN if names & {"token", "email"} else None
