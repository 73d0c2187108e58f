"""What minidev sends, field by field; anything else raises pydantic's ValidationError."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Json
from pydantic.alias_generators import to_camel

from mprelease.domain.releases import LaunchOptions

Version = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$")]
Wallet = Literal["com.alipay.alipaywallet"]


class _Facts(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Call(_Facts):
    model_config = ConfigDict(extra="forbid")

    app_id: str
    tool_id: str
    tool_type: str


class LaunchParams(_Facts):
    """Tell with what a package opens: a page with its query, as in an address."""

    page: str = ""


class ExtendInfo(_Facts):
    """Hold the launch parameters."""

    launch_params: LaunchParams


class _Package(_Call):
    """Describe a package; the file itself travels beside the fields."""

    app_type: Literal["tinyApp"]
    client_type: Wallet
    extend_info: Json[ExtendInfo]
    extra_info: str
    main_url: str
    sub_url: str
    package_md5: Annotated[str, Field(alias="packageMD5")]
    package_name: str
    plugin_list: str


class UploadCall(_Package):
    """Send a source tree to be built as a new version; `old_version` is to be removed for it."""

    client_id: Wallet
    old_version: Version | Literal[""]
    package_version: Version
    remark: Annotated[str, Field(max_length=199)]
    tar_file_path: str
    tracker_channel: str


class SubPackage(_Facts):
    """Describe one part of a preview; its size is that of the compressed part, in bytes."""

    type: Literal["MAIN", "SUB"]
    path: str
    package_name: str
    size: int
    package_md5: Annotated[str, Field(alias="packageMD5")]


class PreviewCall(_Package):
    """Send a compiled package to look at; `ch_info` is the scene."""

    bundle_id: Wallet
    debug_type: Literal["MINI"]
    ide_preview_type: Literal["muti"]
    need_sync: Literal["false"]
    open_debug_switch: str
    sub_packages: Json[list[SubPackage]] = []
    ch_info: int | None = None

    @property
    def launch(self) -> LaunchOptions:
        """Return with what the preview opens."""
        page, _, query = self.extend_info.launch_params.page.partition("?")
        return LaunchOptions(page or None, query or None, self.ch_info)


class BuildCall(_Call):
    """Ask how far a build is."""

    client_id: Wallet
    client_type: Literal["alipay"]
    package_id: str
    package_version: Version


class ExperienceCall(_Call):
    """Make a version the experience version, or ask whether it is."""

    client_id: Wallet
    client_type: Literal["alipay"]
    version: Version


class VersionCall(_Call):
    """Remove a version, or take the mark of the experience version from it."""

    client_type: Wallet
    version: Version


class DetailCall(_Call):
    """Ask for the newest version."""

    client_id: Wallet
    client_type: Literal["alipay"]


class ListCall(_Call):
    """Ask for versions by their states, page by page."""

    bundle_id: Wallet
    version_status: str
    page_num: Annotated[int, Field(ge=1)]
