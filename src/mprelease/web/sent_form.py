"""A form as it was sent."""

from pydantic import BaseModel, ConfigDict
from starlette.datastructures import UploadFile

_LARGEST_FILE = 64 * 1024


class SentForm(BaseModel):
    """The fields of a form, for the record that takes them (`Record.of_form`)."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)

    @property
    def typed(self) -> dict[str, str]:
        """The texts by name; of several under one name the last, such as a box's after its off."""
        return {name: texts[-1] for name in self._sent if (texts := self.several(name))}

    @property
    def files(self) -> dict[str, bytes]:
        """The content of the files by the names of their fields."""
        found = {name: file for name, file in self._sent.items() if isinstance(file, UploadFile)}
        return {name: file.file.read(_LARGEST_FILE) for name, file in found.items()}

    def several(self, name: str) -> list[str]:
        """Return the texts that were sent under one name."""
        sent = self._sent.get(name, [])
        values = sent if isinstance(sent, list) else [sent]
        return [value for value in values if isinstance(value, str)]

    @property
    def _sent(self) -> dict[str, object]:
        return self.model_extra or {}
