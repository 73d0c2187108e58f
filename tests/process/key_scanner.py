"""Look for an upload key wherever a hostile build would look, and print where one was found.

Arguments: the process that is known to have one, and the folder where it is known to lie.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

KEY = re.compile(rb"upload-key-" + rb"[0-9a-f]{32}")
LARGEST = 1 << 20
MOST_FILES = 5000
PLACES = ("/root", "/home", "/run", "/dev/shm", "/var/lib", "/etc", "/srv")


def holds_key(path: str) -> bool:
    """Return whether the beginning of a file holds a key."""
    try:
        # Without waiting for the other end of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return bool(KEY.search(os.read(descriptor, LARGEST)))
    except OSError:
        return False
    finally:
        os.close(descriptor)


def memory_holds_key(pid: str) -> bool:
    """Return whether the writable memory of a process holds a key."""
    try:
        with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
            for area in Path(f"/proc/{pid}/maps").read_text().splitlines():
                begin, end = (int(address, 16) for address in area.split()[0].split("-"))
                if "rw" not in area.split()[1] or end - begin > 64 * LARGEST:
                    continue
                memory.seek(begin)
                if KEY.search(memory.read(end - begin)):
                    return True
    except (OSError, ValueError):
        pass
    return False


def files(*places: str) -> Iterator[str]:
    """Walk the places, up to a limit."""
    left = MOST_FILES
    for place in places:
        for folder, _, names in os.walk(place):
            for name in names:
                yield f"{folder}/{name}"
                left -= 1
                if not left:
                    return


def descriptors(pid: str) -> Iterator[str]:
    """List the open files of a process."""
    try:
        yield from map(str, Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return


def main(known_process: str, known_folder: str) -> None:
    """Try all ways."""
    seen = {path.name for path in Path("/proc").glob("[0-9]*")} - {str(os.getpid())}
    pids = sorted(seen, key=lambda pid: pid != known_process)
    ways = {
        "disk": any(map(holds_key, files(known_folder, *PLACES))),
        "environment": any(holds_key(f"/proc/{pid}/environ") for pid in pids),
        "command line": any(holds_key(f"/proc/{pid}/cmdline") for pid in pids),
        "descriptors": any(holds_key(path) for pid in pids for path in descriptors(pid)),
        "memory": any(map(memory_holds_key, pids)),
        "another root": any(
            map(holds_key, files(*(f"/proc/{pid}/root{known_folder}" for pid in pids)))
        ),
    }
    lines = [*(f"found: {way}" for way, found in ways.items() if found), "done"]
    sys.stdout.write("\n".join(lines) + "\n")


main(*sys.argv[1:])
