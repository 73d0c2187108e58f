"""Durations and sizes as people read them: the same on pages and in the command line.

`web/static/format.js` shows durations in the same form. Why these are not Babel's: decision 0019.
"""

_MINUTE = 60
_KIB, _MIB, _GIB = 2**10, 2**20, 2**30


def duration(milliseconds: int) -> str:
    """Return a duration, to a tenth of a second below a minute."""
    seconds = max(0, milliseconds) / 1000
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes}:{rest:02d} min"


def size(count: int) -> str:
    """Return a number of bytes in the units in which the platforms state their limits."""
    if count >= _GIB:
        return f"{count / _GIB:.2f} GB"
    return f"{count / _KIB:.0f} KB" if count < _MIB else f"{count / _MIB:.2f} MB"
