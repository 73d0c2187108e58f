"""Words for people: messages are stored as id and parameters and put into words here.

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
    """The languages that the interface speaks."""

    ENGLISH = "en"
    CHINESE = "zh_CN"


# Parameters that hold a value of an enumeration, and under which prefix the catalogs name it.
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
    """Put messages into the words of one language."""

    def __init__(self, language: Language) -> None:
        """Load the catalog of the language."""
        self.language = language
        self._catalog = _catalog(language)

    def __call__(self, id: str, **parameters: str | int) -> str:  # noqa: A002 the catalog's word
        """Return the words of a message by its id."""
        return self.of(Message(id, parameters))

    def of(self, message: Message) -> str:
        """Return the words of a message; a parameter that is not there stays a gap to be seen."""
        words = self._catalog.gettext(message.id)
        if words == message.id:
            return self._of_newer(message)
        return words.format_map(_MissingMessages(self._spelled_out(message.parameters)))

    def named(self, prefix: str, value: object) -> str | None:
        """Return what the catalog calls a value, such as `state.queued`; None for no entry."""
        name = f"{prefix}.{value}"
        words = self._catalog.gettext(name)
        return None if words == name else words

    def _of_newer(self, message: Message) -> str:
        """Return plain words for an id that only newer nodes know."""
        family, _, name = message.id.partition(".")
        if family not in {"problem", "remedy", "warning"}:
            return name or message.id
        details = ", ".join(f"{key}: {value}" for key, value in message.parameters.items())
        shown = f"{name} ({details})" if details else name
        return self._catalog.gettext(f"newer.{family}").format(what=shown)

    def of_problem(self, problem_detail: ProblemDetail) -> str:
        """Return which app it is about, what happened and what to do, as one line."""
        whose = f"{problem_detail.app}: " if problem_detail.app else ""
        happened, remedy = self.of(problem_detail.message), self.of(problem_detail.remedy)
        stop = "" if happened.endswith(_STOPS) else _STOP[self.language]
        return f"{whose}{happened}{stop} {remedy}"

    def _spelled_out(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """Return the parameters, with a name of the catalog for what is a value of ours."""
        return {
            name: self.named(_NAMED_VALUES[name], value) or value
            if name in _NAMED_VALUES
            else value
            for name, value in parameters.items()
        }


def language_of(wish: str) -> Language:
    """Return the language for a wish such as `zh`, `zh_CN.UTF-8` or `en_US`; English if none."""
    return Language.CHINESE if wish.lower().startswith("zh") else Language.ENGLISH


class _MissingMessages(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


@cache
def _catalog(language: Language) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALES, [language])
