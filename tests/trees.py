"""Write the files of a repository that a test needs."""

import json
from pathlib import Path


def write(tree: Path, name: str, content: object = "") -> Path:
    """Write a text as it is and anything else as JSON; return where it lies."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path
