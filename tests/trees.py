"""Write files for tests."""

import json
from pathlib import Path


def write(tree: Path, name: str, content: object = "") -> Path:
    """Write a text unchanged, anything else as JSON; return the file's path."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path
