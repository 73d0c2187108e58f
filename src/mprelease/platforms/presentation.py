"""How pages, API and command line display a platform, and its fields in forms.

Texts are message ids of the catalogs. The platform's name has the id `platform.NAME`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Icon:
    """A white letter on a colour (`#rrggbb`), with an optional outline for contrast."""

    letter: str
    colour: str
    outline: str | None = None


class FieldKind(StrEnum):
    """How a form field is rendered."""

    TEXT = "text"
    PASSWORD = "password"  # noqa: S105 the name of a kind
    MULTILINE = "multiline"
    FILE = "file"


@dataclass(frozen=True)
class CredentialField:
    """A form field for a credential, or a part of it.

    `name` must be unique among all fields of an app's form.
    """

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    help: str | None = None


@dataclass(frozen=True)
class CredentialForm:
    """The form fields of a credential.

    If `is_object`, they are the members of the JSON object that the driver reads, by name;
    otherwise each can contain the whole credential, and the first non-empty one is used.
    """

    fields: tuple[CredentialField, ...]
    is_object: bool = True

    def content(self, given: Mapping[str, bytes]) -> bytes | None:
        """Return the fields as the content of a credential file; None if all are empty."""
        filled = [name for name in (each.name for each in self.fields) if given.get(name)]
        if not filled:
            return None
        if not self.is_object:
            return given[filled[0]]
        return json.dumps({name: given[name].decode(errors="replace") for name in filled}).encode()


@dataclass(frozen=True)
class UploadSwitch:
    """A setting of the platform's tool that is shown in the form of an upload.

    `setting` is one of the driver's `settings`, of type bool; `default` is the tool's default.
    """

    setting: str
    label: str
    default: bool


@dataclass(frozen=True)
class Presentation:
    """How one platform is displayed, and its fields in forms."""

    icon: Icon
    app_id_example: str
    credential: CredentialForm
    upload_switches: tuple[UploadSwitch, ...] = ()


UNKNOWN = Presentation(Icon("?", "#6c757d"), "", CredentialForm(()))
"""The presentation of a platform that only newer versions support."""
