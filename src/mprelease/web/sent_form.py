"""A submitted form."""

from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile

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
