"""The format in which miniprogram-ci packs files (measured with version 2.1.42).

Big-endian: BE | u32 0 | u32 length of the table | u32 length of the data | ED, then the table:
u32 count, and for each file u32 length of its name, the name beginning with "/", u32 offset from
the start of the pack, u32 size; then the data. All of it gzipped.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

MAX_UNPACKED = 128 * 1024 * 1024
"""The largest pack that is unpacked, in bytes."""

_HEAD = struct.Struct(">BIIIB")
_NUMBER = struct.Struct(">I")
_PLACE = struct.Struct(">II")


class BrokenPack(ValueError):
    """What was sent is no pack."""


def unpack(body: bytes) -> Mapping[str, bytes]:
    """Return the files of a gzipped pack by name without "/" in front; raise BrokenPack."""
    try:
        return _files(_decompressed(body))
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        message = f"the pack is broken ({error})"
        raise BrokenPack(message) from error


def _decompressed(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    content = stream.decompress(body, MAX_UNPACKED)
    _demand(stream.eof and not stream.unused_data, "the gzip stream is incomplete or too long")
    return content


def _files(pack: bytes) -> Mapping[str, bytes]:
    first, version, table_length, data_length, last = _HEAD.unpack_from(pack)
    _demand((first, version, last) == (0xBE, 0, 0xED), "the pack has another format")
    data_start = _HEAD.size + table_length
    _demand(len(pack) == data_start + data_length, "the lengths of the pack do not add up")
    files: dict[str, bytes] = {}
    for name, offset, size in _entries(pack[_HEAD.size : data_start]):
        _demand(_is_plain(name) and name not in files, f"{name!r} is no plain name, or is twice")
        _demand(data_start <= offset <= len(pack) - size, f"{name!r} lies outside of the data")
        files[name[1:]] = pack[offset : offset + size]
    return files


def _entries(table: bytes) -> Iterator[tuple[str, int, int]]:
    (count,) = _NUMBER.unpack_from(table)
    position = _NUMBER.size
    for _ in range(count):
        (length,) = _NUMBER.unpack_from(table, position)
        position += _NUMBER.size + length
        name = table[position - length : position].decode("utf-8")
        offset, size = _PLACE.unpack_from(table, position)
        position += _PLACE.size
        yield name, offset, size
    _demand(position == len(table), "the table of the pack has the wrong length")


def _is_plain(name: str) -> bool:
    root, *parts = name.split("/")
    return root == "" and bool(parts) and not {"", ".", ".."}.intersection(parts)


def _demand(condition: object, message: str) -> None:
    if not condition:
        raise BrokenPack(message)
