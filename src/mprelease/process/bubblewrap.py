"""The command line of bubblewrap: an allow-list of mounts, everything else is hidden.

All options exist in bubblewrap 0.8.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TEMPORARY = Path("/tmp")  # noqa: S108 (the sandbox has one of its own)


@dataclass(frozen=True)
class Mount:
    """A file or folder of the machine (`source`), and its path for confined commands (`target`)."""

    source: Path
    target: Path
    writable: bool = False


def arguments(mounts: Sequence[Mount], masked: Iterable[Path]) -> tuple[str, ...]:
    """Return the options for the read-only system folders and the given mounts.

    `masked` files and folders appear empty, also within the mounts.
    """
    steps = [
        *((parent, _folder(parent)) for parent in _parents(mounts)),
        *((mount.target, _bind(mount)) for mount in mounts),
        *((place, _mask(path, place)) for path, place in _covered(masked, mounts)),
    ]
    # Outer paths first: a later mount covers an earlier one.
    steps.sort(key=lambda step: len(step[0].parts))
    mounted = (word for _, words in steps for word in words)
    # The folders around the mounts are in memory: they are made read-only.
    return (*_system(), *_NAMESPACES, *mounted, "--remount-ro", "/dev", "--remount-ro", "/")


def unprivileged(program_help: str) -> tuple[str, ...]:
    """Return the options for an ordinary user: a user namespace, without nested ones."""
    is_supported = "--disable-userns" in program_help
    return ("--unshare-user", "--disable-userns") if is_supported else ("--unshare-user-try",)


def dropping_to(user: int) -> tuple[str, ...]:
    """Return the command line that changes to `user` within a sandbox created by root.

    It drops all capabilities, supplementary groups and ways to regain rights; setpriv is part of
    util-linux.
    """
    number = str(user)
    return (
        "/usr/bin/setpriv",
        *("--reuid", number, "--regid", number, "--clear-groups"),
        *("--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"),
        "--",
    )


def as_root() -> tuple[str, ...]:
    """Return the options for root: the capabilities that `dropping_to` needs.

    CAP_DAC_READ_SEARCH is for bubblewrap itself, to enter private folders of the user.
    """
    wanted = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_READ_SEARCH")
    return tuple(word for name in wanted for word in ("--cap-add", name))


# Programs and their libraries. Not /usr as a whole: /usr/local/etc and /usr/src may hold private
# files of the administrator; and nothing of /opt.
_FOLDERS = (
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"),
    *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")),
    *(f"/usr/{name}" for name in ("libexec", "share", "include")),
    *(f"/usr/local/{name}" for name in ("bin", "sbin", "lib", "lib64", "libexec", "share")),
    "/usr/local/include",
)

# Of /etc only files for host names, CA certificates, user names and the dynamic loader.
# /etc/ssl/private and /etc/pki/tls/private hold keys, so their parents are not listed.
_ETC = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "gai.conf",
    "group",
    "host.conf",
    "hostname",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "npmrc",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)

# Bytes of each folder in memory (tmpfs); a release's own folders are on disk.
_MEMORY = str(256 * 2**20)

# The network is shared: installs and builds download. A new session, because otherwise the command
# could inject input into the worker's terminal (TIOCSTI).
_NAMESPACES = (
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    *("--cap-drop", "ALL"),
    *("--proc", "/proc"),
    *("--ro-bind", "/proc/sys", "/proc/sys"),
    *("--dev", "/dev"),
    *("--size", _MEMORY, "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108 (as TEMPORARY)
    *("--size", _MEMORY, "--perms", "1777", "--tmpfs", str(TEMPORARY)),
    *("--size", _MEMORY, "--perms", "1777", "--tmpfs", "/var/tmp"),  # noqa: S108
)


@cache
def _system() -> tuple[str, ...]:
    """Return the options for the system's folders, which are read once per process."""
    return tuple(_shown_system())


def _shown_system() -> Iterator[str]:
    paths = (*map(Path, _FOLDERS), *(Path("/etc") / name for name in _ETC))
    for folder in sorted({parent for path in paths for parent in path.parents[:-1]}):
        yield from _folder(folder)
    for path in paths:
        yield from _show(path)


def _show(path: Path) -> Iterator[str]:
    # A link is kept if its target is shown too: Node reads the time zone's name from it. Others,
    # such as resolv.conf into /run, are replaced by their target.
    if path.is_symlink() and any(path.resolve().is_relative_to(each) for each in _FOLDERS):
        yield from ("--symlink", str(path.readlink()), str(path))
    else:
        yield from ("--ro-bind-try", str(path), str(path))


def _parents(mounts: Iterable[Mount]) -> Iterator[Path]:
    """Return the parents of the targets: those that bubblewrap creates are private to root."""
    above = {parent for mount in mounts for parent in mount.target.parents}
    return (path for path in above if path != Path("/") and not _is_of_the_system(path))


def _is_of_the_system(path: Path) -> bool:
    return any(path.is_relative_to(each) for each in ("/dev", "/proc", *_FOLDERS))


def _folder(path: Path) -> tuple[str, ...]:
    return ("--perms", "0755", "--dir", str(path))


def _bind(mount: Mount) -> tuple[str, ...]:
    option = "--bind" if mount.writable else "--ro-bind"
    return (option, str(mount.source), str(mount.target))


def _covered(masked: Iterable[Path], mounts: Iterable[Mount]) -> Iterator[tuple[Path, Path]]:
    """Return masked paths within the mounts; a mask elsewhere would reveal that they exist."""
    shown = (*(Mount(Path(name), Path(name)) for name in _FOLDERS), *mounts)
    for path in {each.resolve() for each in masked if each.exists()}:
        for mount in shown:
            if path != mount.source and path.is_relative_to(mount.source):
                yield path, mount.target / path.relative_to(mount.source)


def _mask(path: Path, place: Path) -> tuple[str, ...]:
    if path.is_dir():
        return ("--tmpfs", str(place), "--remount-ro", str(place))
    return ("--ro-bind", "/dev/null", str(place))
