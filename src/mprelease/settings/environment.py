"""What is read from the environment besides the knobs; light, for commands that only explain."""

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

# What programs that we start may inherit: how to find programs, speak, and reach the network.
_MACHINE_NAMES = re.compile(
    r"PATH|LANG|LC_\w+|TZ|(https?|no|all|ftp)_proxy|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE|"
    r"NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO",
    re.IGNORECASE,
)


def config_file() -> Path:
    """Return where the TOML file is looked for: `MPRELEASE_CONFIG`, else in the user's folder."""
    named = os.environ.get("MPRELEASE_CONFIG")
    return Path(named) if named else user_folder("XDG_CONFIG_HOME", ".config") / "config.toml"


def machine_environment() -> Mapping[str, str]:
    """Return what programs that we start may inherit, and nothing secret of ours."""
    return {name: value for name, value in os.environ.items() if _MACHINE_NAMES.fullmatch(name)}


def variables(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return those of the named variables that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}


def wished_language() -> str:
    """Return the language of `MPRELEASE_LANGUAGE` or the locale, such as `zh_CN.UTF-8`."""
    names = ("MPRELEASE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def user_name() -> str:
    """Return who sits at this terminal, for the record of who asked for a release."""
    names = ("SUDO_USER", "LOGNAME", "USER")
    given = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return given or _system_user(os.getuid())


def _system_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        # A container may run under a user id that its system does not name.
        return f"system user {uid}"


def user_folder(variable: str, default: str) -> Path:
    """Return our folder below what an XDG variable names, or below its default in HOME."""
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / default) / "mprelease"
