"""What tt-ide-cli sends, field by field; anything else raises pydantic's ValidationError."""

from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, model_validator

from mprelease.domain.releases import Kind, LaunchOptions

Version = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$")]
Channel = Annotated[int, Field(ge=1)]


def _unmixed(text: str) -> str:
    # Each character as the two hexadecimal digits of its code XOR 5.
    return bytes(byte ^ 5 for byte in bytes.fromhex(text)).decode("utf-8")


Mixed = Annotated[str, AfterValidator(_unmixed)]


class LoginCall(BaseModel):
    """Log in by e-mail; address and password are disguised."""

    aid: int
    mix_mode: Annotated[int, Field(ge=1, le=1)]
    email: Mixed
    password: Mixed


class PreviewCall(BaseModel):
    """Send a package to look at; nothing else may come with it."""

    model_config = ConfigDict(extra="forbid")

    local_compile_version: str


class UploadCall(BaseModel):
    """Send a package as a new version; `tag` is the test channel."""

    model_config = ConfigDict(extra="forbid")

    local_compile_version: str
    version: Version
    intro: Annotated[str, Field(min_length=1)]
    need_check: bool
    extra_check_info_json: Json[dict[str, object]]
    need_upload_sourcemap: bool
    tag: Channel | None = None


class Stage(StrEnum):
    """Of which package an address is wanted."""

    PREVIEW = "preview"
    LATEST = "latest"


class SchemaParameters(BaseModel):
    """Tell with what the QR code opens; the page is encoded together with its query."""

    start_page: str
    query: str
    scene: str
    bdp_log: Json[dict[str, object]]
    penetrate_map_json: Json[dict[str, object]]
    version_num: Version | None = None
    tag: Channel | None = None

    @property
    def page(self) -> str | None:
        """Return the page without its query."""
        return unquote(self.start_page).partition("?")[0] or None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _, _, query = unquote(self.start_page).partition("?")
        if self.page and query != self.query:
            message = f"the start page has the query {query!r}, the call {self.query!r}"
            raise ValueError(message)
        return self


class SchemaCall(BaseModel):
    """Ask for the address behind a QR code."""

    app_id: str
    shelled_tech_type: int
    stage: Stage
    schema_params: SchemaParameters

    @property
    def kind(self) -> Kind:
        """Return the kind of the package."""
        return Kind.UPLOAD if self.stage is Stage.LATEST else Kind.PREVIEW

    @property
    def launch(self) -> LaunchOptions:
        """Return page, query and scene."""
        parameters = self.schema_params
        scene = int(parameters.scene) if parameters.scene.isdecimal() else None
        return LaunchOptions(parameters.page, parameters.query or None, scene)
