"""The packages that miniprogram-ci sends: format, sizes, limits, and the record of each.

The format (measured with version 2.1.42) is big-endian: BE | u32 0 | u32 length of the table | u32
length of the data | ED, then the table: u32 count, and for each file u32 length of its name, the
name with a leading "/", u32 offset from the start of the package, u32 size; then the data. The
whole is gzipped.
"""

import secrets
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Kind, LaunchOptions, Sizes
from mprelease.simulator.http import InvalidRequest
from mprelease.simulator.packages import (
    MAX_UNPACKED,
    MIB,
    AppConfig,
    is_plain_path,
    parse_file,
    require,
    sizes_by_package,
)
from mprelease.simulator.vendor_service import ReceivedPackage
from mprelease.simulator.wechat.protocol import UploadCall, too_large

MAX_PACKAGE = 2 * MIB
"""The limit of the main package and of each sub package, in bytes, of all but games."""

MAX_BIG_PACKAGE = 4 * MIB
"""The same with `bigPackageSizeSupport`, according to the tool's README for previews only."""

MAX_FULL = 20 * MIB
"""The limit of all packages together, in bytes; its text is an assumption."""


@dataclass(frozen=True)
class _Limits:
    """The limits of the main package and of each subpackage, in bytes; None means no limit."""

    main: int
    each: int | None


_USUAL = _Limits(MAX_PACKAGE, MAX_PACKAGE)
_BIG = _Limits(MAX_BIG_PACKAGE, MAX_BIG_PACKAGE)
# WeChat's guide to sub packages of games (基础能力/分包); a public report quotes the 4096 KB.
_LIMITS = {ProjectType.MINI_GAME: _Limits(4 * MIB, None)}

# Measured: the tool packs a plugin below plugin/, independent of its folder in the project.
_CONFIG_FILES = {
    ProjectType.MINI_PROGRAM: "app.json",
    ProjectType.MINI_GAME: "game.json",
    ProjectType.MINI_PROGRAM_PLUGIN: "plugin/plugin.json",
    ProjectType.MINI_GAME_PLUGIN: "plugin/plugin.json",
}
_PLUGINS = (ProjectType.MINI_PROGRAM_PLUGIN, ProjectType.MINI_GAME_PLUGIN)

_HEADER = struct.Struct(">BIIIB")
_NUMBER = struct.Struct(">I")
_OFFSET_AND_SIZE = struct.Struct(">II")


@dataclass(frozen=True)
class Received(ReceivedPackage):
    """One accepted upload or preview; `files` are without the signature.

    The tool always names the version of a preview 0.0.1. `preview_url` is the content of a
    preview's QR code, `plugin_id` the id by which mini programs use an uploaded plugin.
    """

    project_type: ProjectType
    version: str
    robot: int
    description: str
    launch: LaunchOptions
    sizes: Sizes
    preview_url: str | None
    plugin_id: str | None

    @property
    def slot(self) -> str:
        """Return the slot of the package: one for each kind and robot."""
        return f"{self.kind}-robot-{self.robot}"


def received_from(
    kind: Kind, call: UploadCall, files: Mapping[str, bytes], sizes: Sizes, at: int
) -> Received:
    """Return the record of an accepted call; each preview gets its own URL."""
    page, _, query = call.path.partition("?")
    return Received(
        kind=kind,
        app_id=call.appid,
        project_type=call.type,
        version=call.version,
        robot=call.robot,
        description=call.desc,
        launch=LaunchOptions(page or None, query or None, call.debug.scene),
        files=files,
        sizes=sizes,
        preview_url=_new_address(call.appid) if kind is Kind.PREVIEW else None,
        plugin_id=secrets.token_hex(16) if kind is Kind.UPLOAD and call.type in _PLUGINS else None,
        at=at,
    )


def sizes_of(files: Mapping[str, bytes], project_type: ProjectType) -> Sizes:
    """Return the sizes by package; raise InvalidRequest without app.json or the like."""
    config = parse_file(AppConfig, files, _CONFIG_FILES[project_type])
    names = [package.root.strip("/") for package in config.sub_packages]
    # A game's sub package may be a single file.
    roots = [name if name.endswith(".js") else f"{name}/" for name in names]
    return sizes_by_package(files, {root: f"/{root}" for root in roots})


def enforce_limits(sizes: Sizes, project_type: ProjectType, *, big: bool = False) -> None:
    """Raise Rejected when a package, or all of them together, are too large."""
    limits = _LIMITS.get(project_type, _BIG if big else _USUAL)
    if sizes.main > limits.main:
        raise too_large("main package ", sizes.main, limits.main)
    for root, size in sizes.packages.items():
        if limits.each is not None and size > limits.each:
            raise too_large(f"subpackage {root} ", size, limits.each)
    if sizes.full > MAX_FULL:
        raise too_large("", sizes.full, MAX_FULL)


def unpack(body: bytes) -> Mapping[str, bytes]:
    """Return the files of a package by path without a leading "/"; raise InvalidRequest."""
    try:
        return _files(_decompressed(body))
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the package is broken ({error})") from error


def _decompressed(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    content = stream.decompress(body, MAX_UNPACKED)
    require(stream.eof and not stream.unused_data, "the gzip stream is incomplete or too long")
    return content


def _files(package: bytes) -> Mapping[str, bytes]:
    first, version, table_length, data_length, last = _HEADER.unpack_from(package)
    require((first, version, last) == (0xBE, 0, 0xED), "the package has another format")
    data_start = _HEADER.size + table_length
    is_whole = len(package) == data_start + data_length
    require(is_whole, "the lengths in the package do not add up")
    files: dict[str, bytes] = {}
    for name, offset, size in _entries(package[_HEADER.size : data_start]):
        path = name.removeprefix("/")
        is_plain = name.startswith("/") and is_plain_path(path)
        require(is_plain and path not in files, f"{name!r} is not a plain name, or is repeated")
        is_inside = data_start <= offset <= len(package) - size
        require(is_inside, f"{name!r} lies outside of the data")
        files[path] = package[offset : offset + size]
    return files


def _entries(table: bytes) -> Iterator[tuple[str, int, int]]:
    (count,) = _NUMBER.unpack_from(table)
    position = _NUMBER.size
    for _ in range(count):
        (length,) = _NUMBER.unpack_from(table, position)
        position += _NUMBER.size + length
        name = table[position - length : position].decode("utf-8")
        offset, size = _OFFSET_AND_SIZE.unpack_from(table, position)
        position += _OFFSET_AND_SIZE.size
        yield name, offset, size
    require(position == len(table), "the table of the package has the wrong length")


def _new_address(app_id: str) -> str:
    # A fictitious URL; the format of real ones is not known.
    ticket = secrets.token_hex(8)
    return f"https://open.weixin.qq.com/sns/preview?appid={app_id}&ticket={ticket}#wechat-redirect"
