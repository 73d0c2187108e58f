"""Values of the environment besides the settings; cheap to import, for `--help`."""

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

# Variables that started programs inherit: search path, locale, proxies and CA certificates.
_MACHINE_NAMES = re.compile(
    r"PATH|LANG|LC_\w+|TZ|(https?|no|all|ftp)_proxy|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE|"
    r"NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO",
    re.IGNORECASE,
)


def disable_pydantic_plugins() -> None:
    """Keep pydantic from searching all installed packages for plugins at its first model."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def config_file() -> Path:
    """Return the path of the TOML file: `MPRELEASE_CONFIG`, else in the user's folder."""
    named = os.environ.get("MPRELEASE_CONFIG")
    return Path(named) if named else user_folder("XDG_CONFIG_HOME", ".config") / "config.toml"


def machine_environment() -> Mapping[str, str]:
    """Return the variables that started programs inherit; none of them is a secret."""
    return {name: value for name, value in os.environ.items() if _MACHINE_NAMES.fullmatch(name)}


def variables(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return the named variables that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}


def exports_traces() -> bool:
    """Return whether OpenTelemetry's variables name a receiver of traces."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return any(os.environ.get(name) for name in names)


def requested_language() -> str:
    """Return `MPRELEASE_LANGUAGE` or else the locale, such as `zh_CN.UTF-8`; empty if unset."""
    names = ("MPRELEASE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def user_name() -> str:
    """Return the name of the system's user, recorded as the publisher of a release."""
    names = ("SUDO_USER", "LOGNAME", "USER")
    given = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return given or _system_user(os.getuid())


def _system_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        # A container may run under a user id without an entry in passwd.
        return f"system user {uid}"


def user_folder(variable: str, default: str) -> Path:
    """Return mprelease's folder in the one that an XDG variable names, or in its default."""
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / default) / "mprelease"
