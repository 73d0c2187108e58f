"""The memory that is available on this machine or in its container."""

from pathlib import Path

_MEBI = 1 << 20
_PROC = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def available() -> int:
    """Return the available MiB of the machine, or of the container if that is less."""
    return min(_of_machine(), _of_group())


def total() -> int:
    """Return the MiB of the machine, or the limit of the container if that is less."""
    limit = _read("memory.max")
    machine = _of_machine("MemTotal")
    return machine if limit is None else min(machine, limit // _MEBI)


def _of_machine(name: str = "MemAvailable") -> int:
    for line in _PROC.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 // _MEBI
    return 0


def _of_group() -> int:
    """Return the MiB left by the limit of cgroup v2; its page cache counts as available."""
    limit, used = _read("memory.max"), _read("memory.current")
    if limit is None or used is None:
        return _of_machine()
    return max(0, limit - used + _reclaimable()) // _MEBI


def _reclaimable() -> int:
    for line in (_GROUP / "memory.stat").read_text().splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0


def _read(name: str) -> int | None:
    try:
        text = (_GROUP / name).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
