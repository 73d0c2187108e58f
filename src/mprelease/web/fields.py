"""What people type into fields, where a form cannot say it better."""

_LONGEST = 9
_UNUSABLE = -1


def number(text: str | None) -> int | None:
    """Return a number, None for nothing; what is no number becomes one that every range refuses."""
    if not text or not text.strip():
        return None
    typed = text.strip()
    return int(typed) if typed.isdecimal() and len(typed) <= _LONGEST else _UNUSABLE
