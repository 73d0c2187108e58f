"""By what files and credentials of the platforms are told apart."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from mprelease.domain.platforms import Platform

_PAGES: Mapping[Platform, str] = {
    Platform.WECHAT: ".wxml",
    Platform.ALIPAY: ".axml",
    Platform.DOUYIN: ".ttml",
}


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
