"""Source maps of an uploaded version, as `get-dev-source-map` asks for them."""

import json
from collections.abc import Mapping

MAX_SLICE = 4 * 1024 * 1024
"""How many characters one call may fetch."""


def source_map_list(files: Mapping[str, bytes]) -> Mapping[str, object]:
    """Gather the source maps of a version in the form that the tool unpacks."""
    maps = [
        {"fullpath": name, "sourcemap": content.decode("utf-8")}
        for name, content in sorted(files.items())
        if name.endswith(".js.map")
    ]
    return {"sourcemap_list": maps}


def as_text(files: Mapping[str, bytes]) -> str:
    """Return the same as JSON in ASCII, so that bytes and characters count alike."""
    return json.dumps(source_map_list(files))
