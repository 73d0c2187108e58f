"""The private .npmrc of a project: its secrets, and what it says to yarn >= 2, which reads none."""

import base64
import json
import re
from collections.abc import Iterator, Mapping

from mprelease.process.mask import passwords_in


def for_yarn(npmrc: str) -> str:
    """Return a .yarnrc.yml for HOME: the same registries, and the same right to use them.

    It is written as JSON, which is YAML.
    """
    said = settings(npmrc)
    named = scopes(said)
    servers = [*([said["registry"]] if "registry" in said else []), *named.values()]
    named_places = [*map(_place, servers), *_places(said)]
    logins = {place: _login(said, place) for place in named_places}
    told: dict[str, object] = {
        "npmScopes": {name: {"npmRegistryServer": url.rstrip("/")} for name, url in named.items()},
        "npmRegistries": {place: login for place, login in logins.items() if login},
        "unsafeHttpWhitelist": [host(url) for url in servers if url.startswith("http://")],
    }
    if "registry" in said:
        told["npmRegistryServer"] = said["registry"].rstrip("/")
    return json.dumps(told)


def secrets_in(npmrc: str) -> tuple[str, ...]:
    """Return the values that nobody may read, as they stand there and as they are sent.

    Those are tokens, passwords (which are kept in Base64), keys, and passwords inside of addresses;
    also those of lines that are commented out. Names of users and addresses are none.
    """
    return tuple(dict.fromkeys(secret for pair in _pairs(npmrc) for secret in _secrets(*pair)))


def settings(npmrc: str) -> Mapping[str, str]:
    """Return what an .npmrc says, without the lines that are commented out."""
    lines = (line.strip() for line in npmrc.splitlines())
    pairs = (line.partition("=") for line in lines if not line.startswith((";", "#")))
    return {name.strip(): value.strip(" \t\"'") for name, _, value in pairs}


def scopes(said: Mapping[str, str]) -> Mapping[str, str]:
    """Return the registries of single scopes, by their names without "@"."""
    match = ((re.fullmatch(r"@(.+):registry", name), said[name]) for name in said)
    return {name[1]: url for name, url in match if name}


def places(npmrc: str) -> Iterator[str]:
    """Yield the addresses, without their scheme, that an .npmrc holds a login for."""
    return _places(settings(npmrc))


def host(url: str) -> str:
    """Return the host of an address, and nothing when it has none."""
    # Not urlsplit: it raises for what anybody may have written.
    match = re.match(r"\w+://(?:[^/@]*@)?([^/:]+)", url)
    return match[1] if match else ""


_RIGHT = re.compile(r"(?P<place>//\S+?)/?:(?:_authToken|_auth|username)")


def _pairs(npmrc: str) -> Iterator[tuple[str, str]]:
    for line in npmrc.splitlines():
        name, _, value = line.strip(" \t;#").partition("=")
        yield name.strip(), value.strip()


def _secrets(name: str, value: str) -> Iterator[str]:
    yield from passwords_in(value)
    if not _SECRET_NAME.search(name):
        return
    # npm's reader takes quotes away, and what follows an unescaped ; or #.
    yield value
    for form in (value, re.split(r"\s*[;#]", value, maxsplit=1)[0]):
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


def _places(said: Mapping[str, str]) -> Iterator[str]:
    for name in said:
        if match := _RIGHT.fullmatch(name):
            yield match["place"]


def _place(url: str) -> str:
    return url.partition(":")[2].rstrip("/")


def _login(said: Mapping[str, str], place: str) -> Mapping[str, object]:
    # As with npm, what is said of a place holds for all below it; yarn wants each one named.
    while place.strip("/"):
        if told := _told_of(said, place):
            return {**told, "npmAlwaysAuth": True}
        place = place.rpartition("/")[0]
    return {}


def _told_of(said: Mapping[str, str], place: str) -> Mapping[str, str]:
    about = {name: said.get(f"{place}/:{name}") or said.get(f"{place}:{name}") for name in _RIGHTS}
    if token := about["_authToken"]:
        return {"npmAuthToken": token}
    if ident := about["_auth"]:
        return {"npmAuthIdent": ident}
    if (user := about["username"]) and (password := about["_password"]):
        return {"npmAuthIdent": _ident(user, password)}
    return {}


def _ident(user: str, password: str) -> str:
    # An .npmrc holds the password in base64, with or without padding.
    try:
        plain = base64.b64decode(f"{password}==")
    except ValueError:
        plain = password.encode()
    return base64.b64encode(user.encode() + b":" + plain).decode()


_SECRET_NAME = re.compile(r"_auth|token|passw|secret|(^|:)key$", re.IGNORECASE)
_RIGHTS = ("_authToken", "_auth", "username", "_password")
