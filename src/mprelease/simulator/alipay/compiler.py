"""The archive that minidev downloads before its first preview: Alipay's compiler is closed.

What is served is a stand-in. It keeps the compiler's side of the bargain with the tool (arguments,
files, exit code, report of mistakes), and compiles nothing.
"""

import io
import tarfile
from pathlib import Path

_FOLDER = Path(__file__).with_name("compiler")
_EXECUTABLE = 0o755


def archive() -> bytes:
    """Return the stand-in as the .tgz that the tool unpacks."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file in sorted(_FOLDER.iterdir()):
            entry = tarfile.TarInfo(file.name)
            entry.mode = _EXECUTABLE
            entry.size = file.stat().st_size
            tar.addfile(entry, io.BytesIO(file.read_bytes()))
    return packed.getvalue()
