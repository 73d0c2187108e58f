"""A submitted form."""

from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile

from mprelease.domain.errors import ProblemError
from mprelease.domain.problems import Problem

_LARGEST_FILE = 64 * 1024


class SentForm(BaseModel):
    """The fields of a form, to be read by a record (`Record.of_form`)."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)

    @property
    def typed(self) -> dict[str, str]:
        """The texts by name; the last of several, as of a checkbox after its hidden field."""
        return {name: texts[-1] for name in self._sent if (texts := self.several(name))}

    @property
    def files(self) -> dict[str, bytes]:
        """The contents of the files by field name, cut off after 64 KiB."""
        files = {name: file for name, file in self._sent.items() if isinstance(file, UploadFile)}
        return {name: file.file.read(_LARGEST_FILE) for name, file in files.items()}

    def several(self, name: str) -> list[str]:
        """Return all texts of one name."""
        sent = self._sent.get(name, [])
        values = sent if isinstance(sent, list) else [sent]
        return [value for value in values if isinstance(value, str)]

    @property
    def _sent(self) -> dict[str, object]:
        return self.model_extra or {}


def seen_revision(failure: ProblemError, typed: dict[str, str]) -> dict[str, str]:
    """Return the revision of a form that is shown again after a refusal.

    After a warning that the record was changed meanwhile there is none: the form gets the present
    one, and saving again overwrites that change.
    """
    was_warned = failure.problem_detail.problem is Problem.CHANGED_MEANWHILE
    return {} if was_warned else {"revision": typed.get("revision", "")}
