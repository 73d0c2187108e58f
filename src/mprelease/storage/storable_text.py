r"""Column types for text and JSON that replace characters which a database cannot store.

All text columns have these types. Python decodes a file name in GBK, or other bytes that are not
UTF-8, to lone surrogates (PEP 383), which neither databases nor UTF-8 responses can hold;
PostgreSQL cannot store NUL. Both are replaced by readable escapes: `\xc4`, `\x00`.
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Dialect, String, Text, TypeDecorator
from sqlalchemy.dialects.mysql import VARCHAR
from sqlalchemy.types import TypeEngine

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # the surrogates of PEP 383 for the bytes 0x80 to 0xff
_KEY_LENGTH = 191


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates escaped."""
    return _UNSTORABLE.sub(lambda match: _escaped(ord(match[0])), text)


def storable_json(value: Any) -> Any:
    """Return a JSON value with `storable` applied to all strings, including keys."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable_json(key): storable_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(each) for each in value]
    return value


def _escaped(code: int) -> str:
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code else "\\x00"


class _Storable(TypeDecorator[str]):
    impl = String

    @property
    def python_type(self) -> type[str]:
        return str

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class StorableText(_Storable):
    """A text of any length."""

    cache_ok = True
    impl = Text


class StorableString(_Storable):
    """A text of at most so many characters."""

    cache_ok = True


class StorableKey(_Storable):
    """A name or key, compared exactly, unlike with MySQL's default collation."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(_KEY_LENGTH)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column's type on a database."""
        is_mysql = dialect.name in {"mysql", "mariadb"}
        exact = VARCHAR(_KEY_LENGTH, collation="utf8mb4_bin")
        return dialect.type_descriptor(exact if is_mysql else String(_KEY_LENGTH))


class StorableJson(TypeDecorator[Any]):
    """JSON; also escaped when read, because older versions stored surrogates as JSON escapes."""

    cache_ok = True
    impl = JSON

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return the value to store."""
        return storable_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return the value that was stored."""
        return storable_json(value)
