"""Versions of Node as people write them: numbers, ranges of npm, and names of nvm."""

import re
from difflib import get_close_matches

FIRST_NODE_WITH_OPENSSL_3 = (17,)
"""Where webpack 4 and older ones end with ERR_OSSL_EVP_UNSUPPORTED."""
OLD_WEBPACK_NODE = "16"
"""The newest line of Node that runs them as they are."""

# github.com/nodejs/Release, CODENAMES.md; a line is added when its long-term support begins.
_LTS_LINES = {
    "argon": 4,
    "boron": 6,
    "carbon": 8,
    "dubnium": 10,
    "erbium": 12,
    "fermium": 14,
    "gallium": 16,
    "hydrogen": 18,
    "iron": 20,
    "jod": 22,
    "krypton": 24,
    "lithium": 26,
}
_NEWEST_FIRST = sorted(_LTS_LINES.values(), reverse=True)
_NAMES = {
    **{f"lts/{name}": str(line) for name, line in _LTS_LINES.items()},
    **{f"lts/-{back}": str(line) for back, line in enumerate(_NEWEST_FIRST) if back},
    **dict.fromkeys(("lts/*", "lts"), str(_NEWEST_FIRST[0])),
    **dict.fromkeys(("node", "stable", "latest", "current"), f">={_NEWEST_FIRST[0]}"),
    "system": "*",
}
_LONGEST = 100
_PART = r"(?:\d{1,9}|[xX*])"
_VERSION = rf"v?{_PART}(?:\.{_PART}){{0,2}}(?:-[\w.-]+)?"
_COMPARATOR = rf"(?:[<>]=?|=|~>?|\^)? *{_VERSION}"
_COMPARATORS = rf"{_COMPARATOR}(?: +(?:- +)?{_COMPARATOR})*"
_RANGE = re.compile(rf"{_COMPARATORS}(?: *\|\| *{_COMPARATORS})*")
_NUMBERS = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")


def range_of(wanted: str) -> str | None:
    """Return the range of npm for a version, a range or a name; None if it is none of these.

    `lts/NAME` is that line, `lts/*` the newest one. `node`, `stable` and the like mean that line or
    a newer one, `system` any version.
    """
    text = wanted.strip()
    if len(text) > _LONGEST:
        return None
    if named := _NAMES.get(text.lower()):
        return named
    return text if _RANGE.fullmatch(text) else None


def has_long_term_support(version: str) -> bool:
    """Return whether a version belongs to a line with long-term support, a former one included."""
    return numbers(version)[0] in _LTS_LINES.values()


def numbers(version: str) -> tuple[int, int, int]:
    """Return the first version number in a text; missing parts are 0."""
    match = _NUMBERS.search(version)
    major, minor, patch = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    return major, minor, patch


def nearest(wanted: str, versions: list[str]) -> str:
    """Return the existing version, or name of a line, that is nearest to an unknown one."""
    if not _NUMBERS.search(wanted):
        return next(iter(get_close_matches(wanted.lower(), _NAMES, 1, 0)), "lts/*")
    asked = numbers(wanted)

    def distance(version: str) -> tuple[int, ...]:
        """Prefer the newest version of the nearest line, and the newer one of two lines."""
        major, minor, patch = numbers(version)
        if major != asked[0]:
            return abs(major - asked[0]), -major, -minor, -patch
        return 0, abs(minor - asked[1]), abs(patch - asked[2]) if minor == asked[1] else -patch

    return min(versions, key=distance, default="lts/*")
