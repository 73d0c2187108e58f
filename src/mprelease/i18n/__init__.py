"""Translations: messages are stored as id and parameters, and translated when they are shown.

The catalogs are gettext files with ids as keys, complete in English and Chinese.
"""

import gettext
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from mprelease.domain.problems import Message, ProblemDetail

LOCALES = Path(__file__).with_name("locales")
DOMAIN = "mprelease"


class Language(StrEnum):
    """The languages of the interface."""

    ENGLISH = "en"
    CHINESE = "zh_CN"


# Parameters that hold the value of an enum, and the prefix of its names in the catalogs.
_NAMED_VALUES = {
    "platform": "platform",
    "found": "platform",
    "wanted": "platform",
    "host": "platform",
    "environment": "environment",
    "type": "type",
}
_STOP = {Language.ENGLISH: ".", Language.CHINESE: "。"}
_STOPS = (".", "!", "?", "。", "！", "？")


class Translator:
    """Translates messages into one language."""

    def __init__(self, language: Language) -> None:
        """Load the catalog of the language."""
        self.language = language
        self._catalog = _catalog(language)

    def __call__(self, id: str, **parameters: str | int) -> str:  # noqa: A002 the catalog's word
        """Return the text of a message by its id."""
        return self.of(Message(id, parameters))

    def of(self, message: Message) -> str:
        """Return the text of a message; a missing parameter stays as `{name}`."""
        words = self._catalog.gettext(message.id)
        if words == message.id:
            return self._of_newer(message)
        return words.format_map(_KeepingMissing(self._spelled_out(message.parameters)))

    def named(self, prefix: str, value: object) -> str | None:
        """Return the name of a value in the catalog, such as `state.queued`; None if missing."""
        name = f"{prefix}.{value}"
        words = self._catalog.gettext(name)
        return None if words == name else words

    def _of_newer(self, message: Message) -> str:
        """Return a generic text for an id that only newer versions define."""
        family, _, name = message.id.partition(".")
        if family not in {"problem", "remedy", "warning"}:
            return name or message.id
        details = ", ".join(f"{key}: {value}" for key, value in message.parameters.items())
        shown = f"{name} ({details})" if details else name
        return self._catalog.gettext(f"newer.{family}").format(what=shown)

    def of_problem(self, problem_detail: ProblemDetail) -> str:
        """Return the app concerned, what happened and what to do, as one line."""
        prefix = f"{problem_detail.app}: " if problem_detail.app else ""
        happened, remedy = self.of(problem_detail.message), self.of(problem_detail.remedy)
        stop = "" if happened.endswith(_STOPS) else _STOP[self.language]
        return f"{prefix}{happened}{stop} {remedy}"

    def _spelled_out(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """Return the parameters, with values of enums replaced by their names in the catalog."""
        return {
            name: self.named(_NAMED_VALUES[name], value) or value
            if name in _NAMED_VALUES
            else value
            for name, value in parameters.items()
        }


def language_of(requested: str) -> Language:
    """Return the language for a tag such as `zh`, `zh_CN.UTF-8` or `en_US`; else English."""
    return Language.CHINESE if requested.lower().startswith("zh") else Language.ENGLISH


class _KeepingMissing(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


@cache
def _catalog(language: Language) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALES, [language])
