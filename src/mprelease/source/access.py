"""Access: how git proves who we are, without a secret on a command line or in a variable."""

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class Access:
    """What opens a repository; both are secrets and live in memory only.

    A token is sent as the password, with the name `oauth2` that GitHub, GitLab and Gitee take
    for any token; hosts that ask for a certain name get it as `name:token`. An SSH key is a
    private key in OpenSSH or PEM form, without a passphrase. `has_machine_login` says that git may
    use what the worker's own user has (`~/.ssh`, `~/.netrc`): never for an address that a committer
    has chosen.
    """

    token: str | None = field(default=None, repr=False)
    ssh_key: str | None = field(default=None, repr=False)
    has_machine_login: bool = True

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what nobody may read: the token without the name before it, and the key."""
        _, token = _login(self.token or "")
        return tuple(filter(None, (token, self.ssh_key)))


@contextmanager
def opened(access: Access, url: str, folder: Path) -> Iterator[Mapping[str, str]]:
    """Yield the environment variables with which git may enter `url`.

    The secrets lie in `folder` (mode 0700) meanwhile and nowhere else; it is removed at the end,
    and what a killed process left there is removed at the beginning. The keys of SSH hosts are
    remembered beside it: a new host is believed once, a changed one never.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield {
            "GIT_ALLOW_PROTOCOL": _allowed(url),
            **_with_token(access.token, url, folder),
            **_with_key(access, folder),
            # Where there is no HOME, `~/.netrc` is looked for in the home that passwd names.
            **({} if access.has_machine_login else {"HOME": str(folder)}),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _allowed(url: str) -> str:
    if url.startswith("/"):
        return "file"
    scheme, separator, _ = url.partition("://")
    if not separator:
        return "ssh"
    # Hosts answer http with a redirection to https; the other way is refused.
    return "http:https" if scheme == "http" else scheme


def _with_token(token: str | None, url: str, folder: Path) -> Mapping[str, str]:
    location = urlsplit(url)
    if not token or location.scheme not in {"http", "https"}:
        return {}
    name, secret = _login(token)
    login = f"{quote(name or 'oauth2', safe='')}:{quote(secret, safe='')}"
    # git's own store answers for this scheme and host alone: a redirection elsewhere gets nothing.
    store = _written(folder / "credentials", f"{location.scheme}://{login}@{location.netloc}\n")
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": f"store --file={shlex.quote(str(store))}",
    }


def _login(token: str) -> tuple[str, str]:
    name, _, secret = token.strip().rpartition(":")
    return name, secret


def _with_key(access: Access, folder: Path) -> Mapping[str, str]:
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "20",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": f'"{folder.parent / "known_hosts"}"',
    }
    ssh = ["ssh", *(f"-o{name}={value}" for name, value in options.items())]
    if not access.has_machine_login:
        ssh += ["-F", "none", "-oIdentitiesOnly=yes", "-oIdentityFile=none", "-oIdentityAgent=none"]
    if access.ssh_key:
        text = "\n".join(access.ssh_key.strip().splitlines()) + "\n"
        ssh += ["-oIdentitiesOnly=yes", "-i", str(_written(folder / "key", text))]
    return {"GIT_SSH_COMMAND": shlex.join(ssh), "GIT_SSH_VARIANT": "ssh"}


def _written(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
