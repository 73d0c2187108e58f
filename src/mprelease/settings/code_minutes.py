"""Parse the setting of how long QR codes can be scanned."""

import re
from collections.abc import Mapping

from mprelease.domain.codes import UNKNOWN, UNLIMITED, Lifetime, lasting
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind

_WORDS = {"never": UNLIMITED, "unknown": UNKNOWN}
_KEYS = frozenset(f"{platform}.{kind}" for platform in Platform for kind in Kind)
_EXAMPLES = ", ".join(f"{key}=25|never|unknown" for key in sorted(_KEYS))
_MINUTES = re.compile(r"[1-9][0-9]{0,6}")


def lifetimes_of(text: str) -> Mapping[str, Lifetime]:
    """Return lifetimes by `PLATFORM.KIND`, of a text with parts such as `PLATFORM.KIND=25`.

    Raise ValueError for a part that is none.
    """
    return dict(map(_lifetime, re.split(r"[,\s]+", text.strip()) if text.strip() else ()))


def _lifetime(part: str) -> tuple[str, Lifetime]:
    key, _, value = part.partition("=")
    if key not in _KEYS or not (value in _WORDS or _MINUTES.fullmatch(value)):
        raise ValueError(f"{part!r}: {_EXAMPLES}")
    return key, _WORDS.get(value) or lasting(minutes=int(value))
