"""The private .npmrc of a project: its secrets, and its translation for yarn >= 2."""

import base64
import itertools
import json
import re
from collections.abc import Iterator, Mapping

from mprelease.process.mask import passwords_in


def for_yarn(npmrc: str) -> str:
    """Return a .yarnrc.yml for HOME with the same registries and credentials.

    It is JSON, which is valid YAML.
    """
    entries = settings(npmrc)
    named = scopes(entries)
    servers = [*([entries["registry"]] if "registry" in entries else []), *named.values()]
    named_places = [*map(_place, servers), *_places(entries)]
    logins = {place: _login(entries, place) for place in named_places}
    yarnrc: dict[str, object] = {
        "npmScopes": {name: {"npmRegistryServer": url.rstrip("/")} for name, url in named.items()},
        "npmRegistries": {place: login for place, login in logins.items() if login},
        "unsafeHttpWhitelist": [host(url) for url in servers if url.startswith("http://")],
    }
    if "registry" in entries:
        yarnrc["npmRegistryServer"] = entries["registry"].rstrip("/")
    return json.dumps(yarnrc)


def secrets_in(npmrc: str) -> tuple[str, ...]:
    """Return the secrets in an .npmrc, both as written and as sent.

    These are tokens, passwords (stored in Base64), keys, and passwords in URLs, also in lines that
    are commented out; not user names and URLs.
    """
    return tuple(dict.fromkeys(secret for pair in _pairs(npmrc) for secret in _secrets(*pair)))


def settings(npmrc: str) -> Mapping[str, str]:
    """Return the settings in an .npmrc as npm reads them: without comments, quotes and sections.

    The rules are those of npm's parser, the package `ini`.
    """
    found: dict[str, str] = {}
    for line in re.split(r"[\r\n]+", npmrc):
        if re.match(r"\s*[;#]", line) or not line.strip():
            continue
        if re.fullmatch(r"\[[^\]]*\]\s*", line):
            break  # What follows belongs to a section.
        name, _, value = line.partition("=")
        found[_unquoted(name)] = _unquoted(value)
    return found


def scopes(entries: Mapping[str, str]) -> Mapping[str, str]:
    """Return the registries of single scopes, by their names without "@"."""
    matches = ((re.fullmatch(r"@(.+):registry", name), entries[name]) for name in entries)
    return {match[1]: url for match, url in matches if match}


def places(npmrc: str) -> Iterator[str]:
    """Yield the URLs, without their scheme, for which an .npmrc has credentials."""
    return _places(settings(npmrc))


def host(url: str) -> str:
    """Return the host of a URL; empty if it has none."""
    # Not urlsplit, which raises ValueError for malformed URLs.
    match = re.match(r"\w+://(?:[^/@]*@)?([^/:]+)", url)
    return match[1] if match else ""


def _unquoted(text: str) -> str:
    """Return a name or a value: what is in quotes, or what stands before a comment."""
    text = text.strip()
    if any(text.startswith(quote) and text.endswith(quote) for quote in "\"'"):
        inner = text[1:-1] if text.startswith("'") else text
        try:
            value = json.loads(inner)
        except ValueError:
            return inner
        return value if isinstance(value, str) else inner
    # A backslash keeps a comment's sign, and stays itself before any other character.
    signs = re.findall(r"\\[;#\\]|[^;#]|[;#].*", text)
    kept = itertools.takewhile(lambda sign: sign[0] not in ";#", signs)
    return "".join(sign[1:] if len(sign) > 1 else sign for sign in kept).strip()


_RIGHT = re.compile(r"(?P<place>//\S+?)/?:(?:_authToken|_auth|username)")


def _pairs(npmrc: str) -> Iterator[tuple[str, str]]:
    for line in npmrc.splitlines():
        name, _, value = line.strip(" \t;#").partition("=")
        yield name.strip(), value.strip()


def _secrets(name: str, value: str) -> Iterator[str]:
    yield from passwords_in(value)
    if not _SECRET_NAME.search(name):
        return
    # npm sends the value without comment and quotes; other tools may send it as it is.
    yield value
    for form in (value, re.split(r"\s*[;#]", value, maxsplit=1)[0], _unquoted(value)):
        bare = form.strip("\"'")
        yield bare
        yield bare.replace("\\n", "\n")
        if name.endswith("_password"):
            yield _plain(bare)
        if name.endswith("_auth"):
            yield _plain(bare).partition(":")[2]


def _plain(encoded: str) -> str:
    try:
        return base64.b64decode(f"{encoded}==").decode()
    except ValueError:
        return ""


def _places(entries: Mapping[str, str]) -> Iterator[str]:
    for name in entries:
        if match := _RIGHT.fullmatch(name):
            yield match["place"]


def _place(url: str) -> str:
    return url.partition(":")[2].rstrip("/")


def _login(entries: Mapping[str, str], place: str) -> Mapping[str, object]:
    # npm applies credentials of a path to all paths below it; yarn needs an entry for each.
    while place.strip("/"):
        if credentials := _credentials(entries, place):
            return {**credentials, "npmAlwaysAuth": True}
        place = place.rpartition("/")[0]
    return {}


def _credentials(entries: Mapping[str, str], place: str) -> Mapping[str, str]:
    own = {
        name: entries.get(f"{place}/:{name}") or entries.get(f"{place}:{name}") for name in _RIGHTS
    }
    if token := own["_authToken"]:
        return {"npmAuthToken": token}
    if ident := own["_auth"]:
        return {"npmAuthIdent": ident}
    if (user := own["username"]) and (password := own["_password"]):
        return {"npmAuthIdent": _ident(user, password)}
    return {}


def _ident(user: str, password: str) -> str:
    # An .npmrc contains the password in Base64, with or without padding.
    try:
        plain = base64.b64decode(f"{password}==")
    except ValueError:
        plain = password.encode()
    return base64.b64encode(user.encode() + b":" + plain).decode()


_SECRET_NAME = re.compile(r"_auth|token|passw|secret|(^|:)key$", re.IGNORECASE)
_RIGHTS = ("_authToken", "_auth", "username", "_password")
