"""What is wrong with a value, in signs that need no translation."""

from collections.abc import Mapping
from typing import Any

_EXPECTED = {
    "int_parsing": "0-9",
    "int_type": "0-9",
    "int_from_float": "0-9",
    "bool_parsing": "true / false",
    "bool_type": "true / false",
    "greater_than_equal": "≥ {ge}",
    "greater_than": "> {gt}",
    "less_than_equal": "≤ {le}",
    "less_than": "< {lt}",
    "string_too_long": "≤ {max_length}",
    "string_too_short": "≥ {min_length}",
    "string_pattern_mismatch": "{pattern}",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "value_error": "{error}",
}


def detail_of(error: Mapping[str, Any]) -> str:
    """Return what an error of pydantic expects; its own message for rare types."""
    expected = _EXPECTED.get(error["type"])
    return expected.format_map(error.get("ctx", {})) if expected else str(error["msg"])
