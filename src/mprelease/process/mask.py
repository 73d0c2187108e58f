"""Hide secrets in what people read."""

import base64
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

MASK = "••••"

# Shorter ones would be found in every second word, and hide nothing that guessing would not find.
_SHORTEST = 6
_SHORTEST_LINE = 9


class Mask:
    """Replace secrets in lines by four dots.

    A secret of several lines, such as a key in PEM form, is also found line by line. All are found
    as they stand, quoted for a URL, and inside Base64, wherever they begin in it. Secrets of fewer
    than 6 characters, and lines of fewer than 9, are not hidden. One call takes microseconds.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the secrets; every form in which they may appear is hidden."""
        self._secrets = tuple(secrets)

    def __call__(self, line: str) -> str:
        """Return the line without any secret."""
        return self._pattern.sub(MASK, line) if self._pattern else line

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        """Return what finds a secret; the first line pays for it, several ms for a key."""
        parts = (part for secret in self._secrets for part in _parts(secret))
        forms = {form for part in parts for form in _forms(part) if len(form) >= _SHORTEST}
        return re.compile(_any_of(forms)) if forms else None


def _parts(secret: str) -> Iterator[str]:
    stripped = secret.strip()
    if len(stripped) < _SHORTEST:
        return
    yield stripped
    lines = [line.strip() for line in stripped.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and line[:5] != "-----")


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    for before in range(3):
        encoded = _inside_base64(secret.encode(), before)
        yield encoded
        yield encoded.translate(str.maketrans("+/", "-_"))


def _inside_base64(secret: bytes, before: int) -> str:
    """Return the characters that a secret alone decides when `before` bytes precede it."""
    encoded = base64.b64encode(bytes(before) + secret).decode().rstrip("=")
    undecided_end = 1 if (before + len(secret)) % 3 else 0
    return encoded[-(-before * 8 // 6) : len(encoded) - undecided_end]


def _any_of(forms: Iterable[str], depth: int = 3) -> str:
    """Return a pattern that is tried quickly: common beginnings are compared only once."""
    if not depth:
        # The longest first: of two secrets where one begins with the other, nothing may remain.
        return "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    rests: dict[str, list[str]] = {}
    for form in forms:
        rests.setdefault(form[0], []).append(form[1:])
    return "|".join(
        f"{re.escape(first)}(?:{_any_of(rest, depth - 1)})" for first, rest in rests.items()
    )
