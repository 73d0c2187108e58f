r"""The one place that makes text storable, whatever wrote it: each text column is of these types.

A name in GBK, or any other byte that is no UTF-8, reaches us as a lone surrogate (PEP 383), which
no database keeps and no answer can carry; PostgreSQL keeps no NUL. Both become escapes that people
can read: `\xc4`, `\x00`.
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Dialect, String, Text, TypeDecorator
from sqlalchemy.dialects.mysql import VARCHAR
from sqlalchemy.types import TypeEngine

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # what PEP 383 makes of the bytes 0x80 to 0xff
_KEY_LENGTH = 191


def storable(text: str) -> str:
    """Return a text that every database keeps and UTF-8 can say."""
    return _UNSTORABLE.sub(lambda match: _escaped(ord(match[0])), text)


def storable_json(value: Any) -> Any:
    """Return the same with storable texts, keys included."""
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
    """A name or key, which is compared letter by letter; MySQL's default collation would not."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(_KEY_LENGTH)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the column's type on a database."""
        is_mysql = dialect.name in {"mysql", "mariadb"}
        exact = VARCHAR(_KEY_LENGTH, collation="utf8mb4_bin")
        return dialect.type_descriptor(exact if is_mysql else String(_KEY_LENGTH))


class StorableJson(TypeDecorator[Any]):
    """JSON; it is cleaned when it is read, too: an older version stored surrogates in escapes."""

    cache_ok = True
    impl = JSON

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return what is stored."""
        return storable_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return what was stored."""
        return storable_json(value)
