"""What bubblewrap shows of the system: an allowlist, so that a new place starts out hidden.

Options as in the manual of bubblewrap 0.8; none is newer than 0.4.
"""

from collections.abc import Iterator
from pathlib import Path

# Programs and their libraries.
_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt")

# From /etc only what finding hosts, trusting certificates, naming users and loading libraries
# need. /etc/ssl/private and /etc/pki/tls/private hold keys: not the folders above them.
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

# The network is shared: installs and builds download. The session is new because the terminal of
# the worker would take keystrokes from the command (TIOCSTI).
_WALLS = (
    "--unshare-user-try",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",  # noqa: S108 (the sandbox has one of its own)
    "--tmpfs",
    "/var/tmp",  # noqa: S108
)


def system() -> tuple[str, ...]:
    """Return the options that raise the walls and show the system's programs, read-only."""
    shown = (*map(Path, _FOLDERS), *(Path("/etc") / name for name in _ETC))
    return (*(word for path in shown for word in _show(path)), *_WALLS)


def _show(path: Path) -> Iterator[str]:
    # A link stays one where its target is seen as well: Node reads the time zone's name from it.
    # Any other, such as resolv.conf's into /run, becomes what it leads to.
    if path.is_symlink() and path.resolve().is_relative_to("/usr"):
        yield from ("--symlink", str(path.readlink()), str(path))
    else:
        yield from ("--ro-bind-try", str(path), str(path))
