"""Files that hold a secret: complete as soon as they exist, and readable for their owner only."""

import os
import tempfile
from pathlib import Path


def create_private(file: Path, content: str) -> bool:
    """Create a file of mode 0600 with its content at once; return False if there is one already.

    Raise OSError.
    """
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name[:64]}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # A link, not a rename, which would replace a file that another process has created.
        file.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        Path(draft).unlink()
    return True
