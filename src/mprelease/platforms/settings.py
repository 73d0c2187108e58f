"""An app's settings for the vendor's tool, on the platforms where they have fixed names."""

from collections.abc import Mapping

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem

Setting = bool | int | str

_FORMS: Mapping[type[Setting], str] = {bool: "true/false", int: "NUMBER", str: "TEXT"}


def require_known(
    given: Mapping[str, Setting], known: Mapping[str, type[Setting]], platform: Platform
) -> None:
    """Raise Refused(SETTING_UNKNOWN) for a name that nobody reads, or a value of another type."""
    for name, value in given.items():
        if type(value) is not known.get(name):
            forms = ", ".join(f"{each}={_FORMS[kind]}" for each, kind in known.items())
            setting = f"{name}={str(value).lower() if isinstance(value, bool) else value}"
            raise Refused(Problem.SETTING_UNKNOWN, setting=setting, platform=platform, known=forms)
