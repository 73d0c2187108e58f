"""What pages, API and command line need to know of a platform to ask people and to show it.

Words are ids of the catalogs. The platform's name is `platform.NAME` there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Icon:
    """A white letter on a colour (`#rrggbb`), with an outline where the colour needs one."""

    letter: str
    colour: str
    outline: str | None = None


class FieldKind(StrEnum):
    """How a field of a form is shown."""

    TEXT = "text"
    PASSWORD = "password"  # noqa: S105 the name of a kind
    MULTILINE = "multiline"
    FILE = "file"


@dataclass(frozen=True)
class CredentialField:
    """A field in which a person gives a credential, or a part of it.

    `name` differs from the names of all other fields of an app's form.
    """

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    help: str | None = None


@dataclass(frozen=True)
class CredentialForm:
    """The fields in which a person gives a credential.

    Where `is_object`, they are the members of the JSON object that the driver reads, by their
    names; otherwise each holds the whole credential, and the first that is filled counts.
    """

    fields: tuple[CredentialField, ...]
    is_object: bool = True

    def content(self, given: Mapping[str, bytes]) -> bytes | None:
        """Return what was given as a file would hold it, for the driver; None for nothing."""
        filled = [name for name in (each.name for each in self.fields) if given.get(name)]
        if not filled:
            return None
        if not self.is_object:
            return given[filled[0]]
        return json.dumps({name: given[name].decode(errors="replace") for name in filled}).encode()


@dataclass(frozen=True)
class UploadSwitch:
    """A setting of the platform's tool that the form of an upload asks for.

    `setting` is one of the driver's `settings`, of type bool; `default` is what the tool does
    without it.
    """

    setting: str
    label: str
    default: bool


@dataclass(frozen=True)
class Presentation:
    """How one platform is shown, and what people are asked for on it."""

    icon: Icon
    app_id_example: str
    credential: CredentialForm
    upload_switches: tuple[UploadSwitch, ...] = ()


UNKNOWN = Presentation(Icon("?", "#6c757d"), "", CredentialForm(()))
"""How a platform is shown that only newer nodes know."""
