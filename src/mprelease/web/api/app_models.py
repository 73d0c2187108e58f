"""Models of apps in the API's requests and responses."""

from datetime import datetime
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, Field, create_model

from mprelease.domain.platforms import Platform
from mprelease.platforms.registry import ServedPlatform, driver_of
from mprelease.schemas import validation
from mprelease.schemas.apps import App, AppFields, BuildSettings
from mprelease.schemas.documents import moment, pick
from mprelease.schemas.fields import Checked, Text
from mprelease.services.apps import KeptCredential

_COMPUTED = {"compile_settings"}


class AppModel(BaseModel):
    """An app, as shown to all users."""

    name: str
    project: str
    platform: Platform
    platform_app_id: str
    robot: int
    label: str
    start_page: str | None

    @classmethod
    def of(cls, app: App, project: str) -> "AppModel":
        """Return the model of an app."""
        names = [name for name in AppModel.model_fields if name != "project"]
        return cls(project=project, **pick(app, *names))


class CredentialModel(BaseModel):
    """The public facts of a credential: a fingerprint to compare it by, and when it was set."""

    fingerprint: str | None = Field(
        description="null where the server has another master key, so that it cannot be opened"
    )
    kept_at: datetime


class NewApp(AppFields):
    """A new app."""

    project: Text
    platform: ServedPlatform
    name: Annotated[Text, Checked(validation.name)]
    platform_app_id: Text = Field(description="option.app_id")


def _shown() -> dict[str, Any]:
    """Return the fields of `AppSettings`: those of `AppFields` that are stored."""
    stored = {**get_type_hints(App), **get_type_hints(BuildSettings)}
    plain = {name: (stored[name], ...) for name in _SETTINGS if name in stored}
    return {
        **plain,
        "compile_settings": (dict[str, bool | int], ...),
        "credential": (CredentialModel | None, ...),
        "revision": (int, Field(description="counts the changes of the app")),
    }


_SETTINGS = [name for name in AppFields.model_fields if name not in AppModel.model_fields]
AppSettings = create_model(
    "AppSettings",
    __base__=AppModel,
    __doc__="An app with everything that can be set; null is recognised from the repository.",
    **_shown(),
)


def settings_of(app: App, project: str, kept: KeptCredential | None) -> AppModel:
    """Return the `AppSettings` of an app."""
    known = driver_of(app.platform).settings
    stored = {**vars(app.build), **vars(app)}
    return AppSettings(
        **AppModel.of(app, project).model_dump(),
        **{name: stored[name] for name in _SETTINGS if name in stored and name not in _COMPUTED},
        compile_settings=known.effective(app.build.compile_settings),
        credential=kept
        and CredentialModel(fingerprint=kept.fingerprint, kept_at=moment(kept.kept_at)),
        revision=app.revision,
    )
