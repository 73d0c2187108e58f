"""Repositories: the URLs and refs that are accepted."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.source.access import Access


@dataclass(frozen=True)
class Repository:
    """A repository whose URL `check_url` has accepted, with its credentials."""

    url: str
    access: Access = field(default_factory=Access)


@dataclass(frozen=True)
class Origin:
    """The server of a repository; credentials are only sent to the origin they were given for."""

    scheme: str
    user: str
    host: str
    port: int | None

    @property
    def place(self) -> str:
        """Return scheme, host and port as one text, to which stored secrets are bound."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


def origin_of(url: str) -> Origin:
    """Return the origin of a URL that `check_url` has accepted; all local ones have the same."""
    if is_local(url):
        return Origin("file", "", "", None)
    if _is_scp(url):
        user, _, host = url.partition(":")[0].rpartition("@")
        return Origin("ssh", user, host.lower(), _PORTS["ssh"])
    location = urlsplit(url)
    port = location.port or _PORTS[location.scheme]
    return Origin(location.scheme, location.username or "", location.hostname or "", port)


def check_url(url: str) -> str:
    """Return the URL without surrounding space if it is allowed.

    Allowed are http, https, ssh and git URLs, `user@host:path`, `file://` URLs and absolute paths.
    Raise Refused(REPOSITORY_SHAPE) for anything else, and for a URL with a password or, with http,
    a user name: these belong to `Access`.
    """
    url = url.strip()
    if not (_is_path(url) or _is_scp(url) or _is_location(url)):
        raise Refused(Problem.REPOSITORY_SHAPE, repository=without_login(url))
    return url


def check_address(url: str) -> str:
    """Return the URL that a person has entered, if `check_url` accepts it.

    Raise Refused(REPOSITORY_MEANT) with the right URL for the URL of a page on the git host, and
    for a `file://` URL.
    """
    url = check_url(url)
    meant = _meant(url)
    if meant != url:
        raise Refused(Problem.REPOSITORY_MEANT, repository=url, meant=meant)
    return url


def check_ref(ref: str) -> str:
    """Return the ref if `is_ref` accepts it; raise Refused(REF_SHAPE) otherwise."""
    if not is_ref(ref):
        raise Refused(Problem.REF_SHAPE, ref=ref)
    return ref


def is_ref(ref: str) -> bool:
    """Return whether a text is a valid name of a branch, tag or commit.

    The rules are those of `git check-ref-format`; in addition leading dashes, control characters
    and bidirectional formatting characters are refused.
    """
    parts = ref.split("/")
    return not (
        _FORBIDDEN_IN_REF.search(ref)
        or ref == "@"
        or len(ref) > _LONGEST_REF
        or ref.startswith("-")
        or any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts)
    )


def is_offered(name: str) -> bool:
    """Return whether a branch or tag can be requested by its short name.

    A name that looks like a full commit id or a full ref would be resolved as that.
    """
    is_ambiguous = _FULL_ID.fullmatch(name) or name.startswith("refs/") or name != name.strip()
    return is_ref(name) and not is_ambiguous


def without_login(url: str) -> str:
    """Return the URL without user name and password, for messages."""
    return re.sub(r"(?<=://)[^/]*@", "", url)


def is_local(url: str) -> bool:
    """Return whether the repository lies on this machine's disk."""
    return _is_path(url) or url.startswith("file://")


def host_of(url: str) -> str:
    """Return the host's name in lower case, empty for a local repository."""
    return origin_of(url).host


_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_SCHEMES = frozenset({*_PORTS, "file"})
_LONGEST_REF = 255
_FORBIDDEN_IN_REF = re.compile(
    r"[\x00-\x20\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069~^:?*\[\\\ud800-\udfff]|\.\.|@\{"
)
_FULL_ID = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# Neither host nor path may start with a dash (ssh would parse an option), nor the path with a colon
# ("ext::…" names a program to run).
_SCP = re.compile(r"([A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9_][\w.-]*:(?![-:])[^\s]+", re.ASCII)


# URLs of pages of GitHub, Gitee, GitLab ("/-/") and Gitea, which start with the repository's URL.
_PAGE = re.compile(
    r"(?P<repository>https?://[^/]+/(?:[^/]+/[^/]+(?=/(?:tree|blob|raw|commits?|src/(?:branch|tag))/)"
    r"|.+?(?=/-/)))/.*"
)


def _meant(url: str) -> str:
    if url.startswith("file://"):
        return unquote(url.removeprefix("file://"))
    plain = url.partition("#")[0] if url.startswith(("http://", "https://")) else url
    page = None if plain.endswith(".git") else _PAGE.fullmatch(plain)
    return page["repository"] if page else plain


def _is_path(url: str) -> bool:
    return url.startswith("/") and not _CONTROL.search(url)


def _is_scp(url: str) -> bool:
    return "://" not in url and _SCP.fullmatch(url) is not None and not _CONTROL.search(url)


def _is_location(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _SCHEMES or re.search(r"\s", url) or _CONTROL.search(url):
        return False
    try:
        location = urlsplit(url)
        location.port  # noqa: B018 - reading it is the check
    except ValueError:
        return False
    return _is_complete(location) and _is_without_secret(location)


def _is_complete(location: SplitResult) -> bool:
    if location.scheme == "file":
        return not location.netloc and location.path.startswith("/")
    name = location.username or ""
    host = location.hostname or ""
    return host != "" and not host.startswith("-") and not name.startswith("-")


def _is_without_secret(location: SplitResult) -> bool:
    if location.scheme in {"http", "https"}:
        return "@" not in location.netloc and not location.query
    return location.password is None
