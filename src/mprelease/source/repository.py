"""Repositories: where they lie, and which of these places git may be told."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.source.access import Access


@dataclass(frozen=True)
class Repository:
    """A repository that `check_url` let through, with what opens it."""

    url: str
    access: Access = field(default_factory=Access)


@dataclass(frozen=True)
class Origin:
    """Whom git talks to: a secret for one origin is of no use, and in wrong hands, at another."""

    scheme: str
    user: str
    host: str
    port: int | None

    @property
    def place(self) -> str:
        """Return scheme, host and port as one text: to what a stored secret is bound."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")


def origin_of(url: str) -> Origin:
    """Return the origin of an address that `check_url` let through; local ones share one."""
    if is_local(url):
        return Origin("file", "", "", None)
    if _is_scp(url):
        user, _, host = url.partition(":")[0].rpartition("@")
        return Origin("ssh", user, host.lower(), _PORTS["ssh"])
    location = urlsplit(url)
    port = location.port or _PORTS[location.scheme]
    return Origin(location.scheme, location.username or "", location.hostname or "", port)


def check_url(url: str) -> str:
    """Return the address without surrounding space if git may be given it.

    Allowed are http, https, ssh and git URLs, `user@host:path`, `file://` URLs and absolute
    paths. Raise Refused(REPOSITORY_SHAPE) for anything else, and for an address that carries a
    password or, with http, any name at all: such secrets belong to `Access`.
    """
    url = url.strip()
    if not (_is_path(url) or _is_scp(url) or _is_location(url)):
        raise Refused(Problem.REPOSITORY_SHAPE, repository=without_login(url))
    return url


def check_address(url: str) -> str:
    """Return what a person gave as a repository's address, if `check_url` lets it through.

    Raise Refused(REPOSITORY_MEANT) for an address that names the repository in another way: a page
    of its host, or a `file://` URL where a path is meant.
    """
    url = check_url(url)
    meant = _meant(url)
    if meant != url:
        raise Refused(Problem.REPOSITORY_MEANT, repository=url, meant=meant)
    return url


def check_ref(ref: str) -> str:
    """Return the branch, tag or commit id if it is one by `is_ref`; raise Refused(REF_SHAPE)."""
    if not is_ref(ref):
        raise Refused(Problem.REF_SHAPE, ref=ref)
    return ref


def is_ref(ref: str) -> bool:
    """Tell whether git's rules allow a name of a branch, tag or commit.

    The rules are those of `git check-ref-format`; besides, no leading dash, and nothing that
    steers a terminal or turns the direction in which text is read.
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
    """Tell whether a branch or tag can be released by its bare name.

    A name that reads as a commit's full id or as a full name of a ref is taken for that.
    """
    reads_as_another = _FULL_ID.fullmatch(name) or name.startswith("refs/") or name != name.strip()
    return is_ref(name) and not reads_as_another


def without_login(url: str) -> str:
    """Return the address without the name and password of a URL, fit for a message."""
    return re.sub(r"(?<=://)[^/]*@", "", url)


def is_local(url: str) -> bool:
    """Tell whether the repository lies on this machine's disk."""
    return _is_path(url) or url.startswith("file://")


def host_of(url: str) -> str:
    """Return the host's name in small letters, empty for a local repository."""
    return origin_of(url).host


_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_SCHEMES = frozenset({*_PORTS, "file"})
_LONGEST_REF = 255
_FORBIDDEN_IN_REF = re.compile(
    r"[\x00-\x20\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069~^:?*\[\\\ud800-\udfff]|\.\.|@\{"
)
_FULL_ID = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# Neither host nor path may begin with a dash (ssh would read an option), nor the path with a
# colon ("ext::…" names a program to run).
_SCP = re.compile(r"([A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9_][\w.-]*:(?![-:])[^\s]+", re.ASCII)


# Pages of GitHub, Gitee, GitLab ("/-/") and Gitea about a repository that lies before them.
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
