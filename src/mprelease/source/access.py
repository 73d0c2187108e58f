"""Credentials for git, passed by files: not on command lines nor in variables."""

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
    """The credentials of a repository.

    A token is sent as the password, with the user name `oauth2` that GitHub, GitLab and Gitee
    accept for any token; `name:token` sets another user name. An SSH key is a private key in
    OpenSSH or PEM form, without a passphrase. With `has_machine_login` git may also use the
    credentials of the worker's user (`~/.ssh`, `~/.netrc`): never for a URL chosen by a committer.
    """

    token: str | None = field(default=None, repr=False)
    ssh_key: str | None = field(default=None, repr=False)
    has_machine_login: bool = True

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the texts to mask: the token without the user name, and the key."""
        _, token = _login(self.token or "")
        return tuple(filter(None, (token, self.ssh_key)))


@contextmanager
def opened(access: Access, url: str, folder: Path) -> Iterator[Mapping[str, str]]:
    """Yield the environment variables with which git can access `url`.

    During the block the secrets are in files in `folder` (mode 0700); it is removed at the end, and
    leftovers of a killed process are removed at the beginning. The keys of SSH hosts are stored
    beside it: a new host's key is accepted, a changed one is refused.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield {
            "GIT_ALLOW_PROTOCOL": _allowed(url),
            **_with_token(access.token, url, folder),
            **_with_key(access, folder),
            # Without HOME, curl looks for `~/.netrc` in the home folder of passwd.
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
    # Hosts redirect http to https; a redirection from https to http is refused.
    return "http:https" if scheme == "http" else scheme


def _with_token(token: str | None, url: str, folder: Path) -> Mapping[str, str]:
    location = urlsplit(url)
    if not token or location.scheme not in {"http", "https"}:
        return {}
    name, secret = _login(token)
    login = f"{quote(name or 'oauth2', safe='')}:{quote(secret, safe='')}"
    # git's credential store matches scheme and host: a redirection elsewhere gets no password.
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
        # Seconds, and times: a connection that has stopped ends after 30 s.
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
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
