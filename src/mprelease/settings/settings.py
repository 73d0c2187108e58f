"""The settings of mprelease, read once from the environment and a TOML file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mprelease.domain.codes import Lifetime
from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogFormat
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import SandboxPolicy, UidRange
from mprelease.domain.workers import DEFAULT_LABEL, LABEL, OnTerminate
from mprelease.schemas.value_errors import detail_of
from mprelease.settings.code_minutes import lifetimes_of
from mprelease.settings.environment import config_file, user_folder


class Settings(BaseSettings):
    """All settings; each is `MPRELEASE_<NAME>` in the environment, `<name>` in the file.

    docs/operating.md describes each of them with its unit.
    """

    model_config = SettingsConfigDict(env_prefix="MPRELEASE_", extra="forbid", frozen=True)

    data_dir: Path = Field(default_factory=lambda: user_folder("XDG_DATA_HOME", ".local/share"))
    database_url: str | None = None
    redis_url: str | None = None
    tools_dir: Path | None = None
    timezone: str = "Asia/Shanghai"
    master_key: SecretStr | None = None

    vendor_proxy: str | None = None
    extra_ca_certs: Path | None = None
    npm_registry: str | None = None
    build_env: Annotated[tuple[str, ...], NoDecode] = ()
    sandbox: SandboxPolicy = SandboxPolicy.AUTO
    build_uids: str = Field(default="59000-59255", pattern=r"^[0-9]{1,9}-[0-9]{1,9}$")

    worker_name: str | None = Field(default=None, max_length=100)
    labels: Annotated[tuple[str, ...], NoDecode] = (DEFAULT_LABEL,)
    slots: int = Field(default=2, ge=1, le=64)
    release_memory: int = Field(default=1200, ge=0, le=1_048_576)
    on_terminate: OnTerminate = OnTerminate.FINISH
    lease_seconds: int = Field(default=30, ge=5, le=600)
    address_url: str | None = None

    server: str | None = None
    token: SecretStr | None = None

    host: str = "127.0.0.1"
    port: int = Field(default=8088, ge=1, le=65535)
    base_url: str | None = None
    admin_password: SecretStr | None = None
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    log_format: LogFormat = LogFormat.TEXT

    unlocked_hours: int = Field(default=24, ge=1, le=8760)
    node_memory: int = Field(default=4096, ge=256, le=65536)
    build_processes: int = Field(default=2048, ge=0)
    build_memory: int = Field(default=8192, ge=0)
    build_disk: int = Field(default=10240, ge=0)
    build_log: int = Field(default=64, ge=0)
    log_size: int = Field(default=32, ge=1, le=1024)
    log_lines: int = Field(default=200_000, ge=1000, le=10_000_000)
    release_limit: int = Field(default=7200, ge=1)
    checkout_limit: int = Field(default=600, ge=1)
    install_limit: int = Field(default=1200, ge=1)
    build_limit: int = Field(default=1800, ge=1)
    publish_limit: int = Field(default=900, ge=1)
    standby_seconds: int = Field(default=600, ge=0)
    standby_memory: int | None = Field(default=None, ge=0, le=1_048_576)
    reuse_compile_results: bool = True
    reuse_compiled_files: bool = True

    code_minutes: Annotated[Mapping[str, Lifetime], NoDecode] = Field(default_factory=dict)

    keep_releases: int = Field(default=1000, ge=0)
    keep_release_days: int = Field(default=365, ge=0, le=36_500)
    keep_log_days: int = Field(default=180, ge=0, le=36_500)
    keep_qr_code_days: int = Field(default=180, ge=0, le=36_500)
    keep_unused: int = Field(default=90, ge=0, le=36_500)
    keep_mirrors: int = Field(default=20_480, ge=0)
    keep_workspaces: int = Field(default=20_480, ge=0)
    keep_dependency_sets: int = Field(default=20_480, ge=0)
    keep_artifacts: int = Field(default=5120, ge=0)
    keep_caches: int = Field(default=10_240, ge=0)
    keep_package_stores: int = Field(default=10_240, ge=0)
    keep_compile_results: int = Field(default=2048, ge=0)
    keep_managers: int = Field(default=1024, ge=0)
    keep_tools: int = Field(default=5120, ge=0)
    min_free_disk: int = Field(default=1024, ge=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the base's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Give the environment precedence over the file."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, file

    @field_validator("build_env", "labels", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, names: object) -> object:
        return tuple(re.split(r"[,\s]+", names.strip())) if isinstance(names, str) else names

    @field_validator("labels")
    @classmethod
    def _known_shape(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [label for label in labels if not LABEL.fullmatch(label)]:
            raise ValueError(f"{wrong[0]!r} (a-z, 0-9, -)")
        return labels

    @field_validator("code_minutes", mode="before")
    @classmethod
    def _lifetimes(cls, given: object) -> object:
        return lifetimes_of(given) if isinstance(given, str) else given

    @field_validator("base_url")
    @classmethod
    def _no_last_slash(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"https?://[^/\s]+", url.rstrip("/")):
            raise ValueError(f"{url!r} (http://…, https://…)")
        return url and url.rstrip("/")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name!r} (Asia/Shanghai)") from error
        return name

    @field_validator("data_dir", "tools_dir", "extra_ca_certs")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @property
    def uid_range(self) -> UidRange:
        """Return the user ids for confined commands."""
        first, _, last = self.build_uids.partition("-")
        return UidRange(int(first), int(last))

    @property
    def tools(self) -> Path:
        """Return the folder in which the vendors' tools are installed."""
        return self.tools_dir or self.data_dir / "tools"


def load() -> Settings:
    """Read the settings; raise Refused(NOT_CONFIGURED) if one of them is invalid."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        raise Refused(
            Problem.NOT_CONFIGURED, name=f"MPRELEASE_{name}", detail=detail_of(first)
        ) from None
    except (ValueError, OSError) as error:
        raise Refused(Problem.NOT_CONFIGURED, name=str(config_file()), detail=str(error)) from None
