"""The form of an app's settings: from an app to its fields, and from the fields to a change."""

from collections.abc import Mapping
from types import MappingProxyType

from mprelease.domain.platforms import Platform
from mprelease.platforms.registry import driver_of
from mprelease.platforms.settings import KnownSettings, Setting
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.fields import shown
from mprelease.web.sent_form import SentForm

_SETTING = "setting."


class AppForm(SentForm):
    """The submitted form of an app: fields of `AppChange`, and those of the platform."""

    def change(
        self, platform: Platform, stored_settings: Mapping[str, Setting] = MappingProxyType({})
    ) -> AppChange:
        """Return the change that the form requests; raise Refused for a value beyond its limits."""
        typed = self.typed
        known = driver_of(platform).settings
        return AppChange.of_form(
            typed,
            compile_settings=settings_typed(typed, known, stored_settings),
            credential=_credential(typed, platform, self.files),
        )


def _credential(
    typed: dict[str, str], platform: Platform, files: Mapping[str, bytes]
) -> bytes | None:
    form = driver_of(platform).presentation.credential
    names = {each.name for each in form.fields}
    given = {name: typed[name].strip().encode() for name in names & typed.keys()}
    return form.content({**given, **files})


def form_fields(app: App) -> dict[str, str]:
    """Return the values of the form's fields for an app."""
    stored = {**vars(app.build), **vars(app)}
    plain = {
        name: shown(AppChange, name, stored[name])
        for name in AppChange.model_fields
        if name in stored
    }
    known = driver_of(app.platform).settings
    return plain | settings_shown(app.build.compile_settings, known)


def settings_shown(stored: Mapping[str, Setting], known: KnownSettings) -> dict[str, str]:
    """Return the values of the form's fields for the settings of a platform's tool."""
    return {
        f"{_SETTING}{name}": str(value).lower() for name, value in known.effective(stored).items()
    }


def settings_typed(
    fields: Mapping[str, str], known: KnownSettings, stored: Mapping[str, Setting]
) -> dict[str, Setting | None]:
    """Return the settings of a form with these fields; None removes a setting whose field is empty.

    A form without fields of settings changes nothing.
    """
    given = {
        name: text.strip()
        for name in known.types
        if (text := fields.get(f"{_SETTING}{name}")) is not None
    }
    if not given:
        return {}
    return {**dict.fromkeys(stored), **{name: text or None for name, text in given.items()}}
