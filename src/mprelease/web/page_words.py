"""The texts of problems on pages: they name a field where the command line names an option."""

import re

from mprelease.domain.problems import Message
from mprelease.i18n import Language, Translator
from mprelease.schemas.apps import AppFields

# Texts that command line and pages share.
_SHARED = ("problem.", "remedy.", "warning.", "hint.")
_COMMAND = re.compile(r"\s*[(（][^()（）]*`mprelease [^`]*`[^()（）]*[)）]")
_ALTERNATIVE = re.compile(r"[，,]\s*(?:或|or)\s*`mprelease [^`]*`")
_INLINE = re.compile(r"`mprelease [^`]*?(--[^`]*)?`")
_OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)")
_SETTING = re.compile(r"MPRELEASE_([A-Z_]+)")
# Options that are not called like their fields.
_LABELS = {
    "app-id": "web.app_id",
    "branch": "web.default_branch",
    "credential-file": "web.credential",
    "git-token-file": "web.git_token",
    "npmrc-file": "web.npmrc",
    "query": "web.query",
    "ssh-key-file": "web.ssh_key",
    "type": "web.project_type",
}


class PageTranslator(Translator):
    """Translates messages as pages show them, without commands, options and variables.

    A reader who manages the server sees the names of its variables.
    """

    def __init__(self, language: Language, *, manages: bool = False) -> None:
        """Load the catalog of the language."""
        super().__init__(language)
        self._manages = manages

    def of(self, message: Message) -> str:
        """Return the text of a message; of a problem, with the names of fields."""
        words = super().of(message)
        return self._on_page(words) if message.id.startswith(_SHARED) else words

    def _on_page(self, words: str) -> str:
        if "mprelease " in words:
            words = _COMMAND.sub("", _ALTERNATIVE.sub("", words))
            words = _INLINE.sub(lambda found: found[1] or "", words)
        if "--" in words:
            words = _OPTION.sub(self._field, words)
        if "MPRELEASE_" in words and not self._manages:
            words = _SETTING.sub(lambda found: self("web.server_setting", name=found[1]), words)
        return words

    def _field(self, option: re.Match[str]) -> str:
        name = option[1].replace("-", "_")
        label = _LABELS.get(option[1]) or (f"web.{name}" if name in AppFields.model_fields else "")
        # Options of other programs, such as npm's, are what has to be typed.
        words = self.named("web", label.removeprefix("web.")) if label else None
        return self("web.field_named", label=words) if words else option[0]
