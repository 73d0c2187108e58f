"""Mask secrets in text that is shown or stored."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

MASK = "••••"

# Shorter secrets would match ordinary text, and could be guessed anyway.
_SHORTEST = 6
_SHORTEST_LINE = 9
# A form of at least twice this length is also matched in pieces: output may be wrapped or cut.
_PIECE = 16
_MOST_PIECES = 4096


class Mask:
    """Replace secrets in lines by four dots.

    A secret of several lines, such as a PEM key, is also matched line by line and without its line
    ends. Matched forms: literal, escaped for URLs or JSON, hexadecimal, and within Base64 at any
    offset; of a form of 32 characters or more, also each part of about that length. Secrets of
    fewer than 6 characters, and lines of fewer than 9, are not masked. A call takes microseconds
    per hundred characters, independent of the number and length of the secrets.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        """Take the secrets, one by one: not a file that contains one among other text."""
        self._secrets = tuple(secrets)

    def __call__(self, line: str) -> str:
        """Return the line without any secret."""
        index = _index_of(self._secrets)
        kept, end, at = [], 0, 0
        last = len(line) - _SHORTEST
        while at <= last:
            needles = index.get(line[at : at + _SHORTEST])
            match = needles.match(line, at, end) if needles else None
            if match is None:
                at += 1
                continue
            kept += [line[end : match.start], MASK]
            at = end = match.stop
        return "".join([*kept, line[end:]]) if end else line


@dataclass(frozen=True)
class _Needles:
    """Search texts with the same first characters: by length and text, its form and offset."""

    by_length: dict[int, dict[str, tuple[str, int]]]

    def add(self, needle: str, form: str, offset: int) -> None:
        self.by_length.setdefault(len(needle), {}).setdefault(needle, (form, offset))

    def match(self, line: str, at: int, begin: int) -> slice | None:
        """Return the slice of a secret that contains `at` and starts at `begin` or later."""
        # The longest first: one secret may be a prefix of another.
        for length in sorted(self.by_length, reverse=True):
            if place := self.by_length[length].get(line[at : at + length]):
                return _widened(line, slice(at, at + length), begin, *place)
        return None


@lru_cache(maxsize=16)
def _index_of(secrets: tuple[str, ...]) -> Mapping[str, _Needles]:
    """Return the search texts by their first characters.

    It takes some 7 ms for a PEM key, so it is built for the first line, and kept for the next
    release with the same secrets: many that begin at once would delay each other's lines.
    """
    index: dict[str, _Needles] = {}
    parts = dict.fromkeys(part for secret in secrets for part in _parts(secret))
    for form in dict.fromkeys(form for part in parts for form in _forms(part)):
        for offset, needle in _needles(form):
            index.setdefault(needle[:_SHORTEST], _Needles({})).add(needle, form, offset)
    return index


def _widened(line: str, match: slice, begin: int, form: str, offset: int) -> slice:
    """Return the slice extended to both sides as far as line and form agree."""
    start, stop = match.start, match.stop
    end = offset + stop - start
    while start > begin and offset and line[start - 1] == form[offset - 1]:
        start, offset = start - 1, offset - 1
    while stop < len(line) and end < len(form) and line[stop] == form[end]:
        stop, end = stop + 1, end + 1
    return slice(start, stop)


def passwords_in(text: str) -> Iterator[str]:
    """Return the passwords of all URLs in a text, both as written and percent-decoded."""
    for password in _PASSWORD.findall(text):
        yield password
        yield unquote(password)


def _parts(secret: str) -> Iterator[str]:
    stripped = secret.strip()
    if len(stripped) < _SHORTEST:
        return
    lines = [line.strip() for line in stripped.splitlines()]
    body = [line for line in lines if line[:5] != "-----"]
    # The first and last line of a PEM file are not secret.
    if len(body) == len(lines):
        yield stripped
    if len(lines) > 1:
        yield "".join(body)
        yield from (line for line in body if len(line) >= _SHORTEST_LINE)


def _forms(secret: str) -> Iterator[str]:
    """Return the forms of a secret that are long enough to be masked."""
    raw = secret.encode(errors="surrogatepass")
    forms = [secret, *_url_forms(raw), *_json_forms(secret), raw.hex(), raw.hex().upper()]
    for before in range(3):
        encoded = _inside_base64(raw, before)
        forms += [encoded, encoded.translate(_URL_SAFE)]
    yield from (form for form in forms if len(form) >= _SHORTEST)


def _url_forms(raw: bytes) -> Iterator[str]:
    # Python's two functions, then JavaScript's encodeURIComponent and encodeURI.
    for form in (
        quote(raw, safe=""),
        quote_plus(raw),
        quote(raw, safe="!~*'()"),
        quote(raw, safe=";,/?:@&=+$!~*'()#"),
    ):
        yield form
        yield _ESCAPE.sub(lambda escape: escape[0].lower(), form)


def _json_forms(secret: str) -> Iterator[str]:
    for is_ascii in (False, True):
        form = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        yield form
        yield form.replace("/", "\\/")


def _inside_base64(secret: bytes, before: int) -> str:
    """Return the Base64 characters that depend on the secret only, after `before` other bytes."""
    encoded = base64.b64encode(bytes(before) + secret).decode().rstrip("=")
    undecided_end = 1 if (before + len(secret)) % 3 else 0
    return encoded[-(-before * 8 // 6) : len(encoded) - undecided_end]


def _needles(form: str) -> Iterator[tuple[int, str]]:
    """Return the search texts of a form with their offsets: the form itself, or its pieces."""
    if len(form) < 2 * _PIECE:
        yield 0, form
        return
    step = max(_PIECE, -(-len(form) // _MOST_PIECES))
    for offset in range(0, len(form) - _PIECE + 1, step):
        yield offset, form[offset : offset + _PIECE]


_URL_SAFE = str.maketrans("+/", "-_")
_PASSWORD = re.compile(r"://[^\s/:@]*:([^\s/@]+)@")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
