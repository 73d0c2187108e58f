"""QR codes as pages show them: how long they can still be scanned, and until when."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from markupsafe import Markup

from mprelease.domain.codes import Code, Validity
from mprelease.i18n import Translator

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class ShownCode:
    """A QR code as it is shown at one time; times in ms since the epoch.

    `percent` is what is left of its time, `left` the same in words, `until` its end, `age` how long
    ago it was made. The first and the third are None and empty without a known end.
    """

    made_at: int
    validity: Validity
    expires_at: int | None
    has_ended: bool
    percent: int | None
    left: str
    until: Markup
    age: Markup


def shown_code(t: Translator, code: Code, now: int, zone: tzinfo, age: Markup) -> ShownCode:
    """Return a QR code as it is shown now."""
    part, end = code.left(now), code.expires_at
    has_ended = code.has_ended(now)
    left = "" if end is None else t("code.left", time=time_left(t, end - now))
    return ShownCode(
        code.made_at,
        code.validity,
        end,
        has_ended,
        None if part is None else round(100 * part),
        t("code.ended") if has_ended else left,
        Markup() if end is None else exact(end, now, zone),
        age,
    )


def time_left(t: Translator, milliseconds: int) -> str:
    """Return a remaining time, as `validity.js` shows it: 24:10, 3:24:10, or days and hours."""
    seconds = max(0, -(-milliseconds // 1000))
    if seconds >= _DAY:
        return t("code.days", days=seconds // _DAY, hours=seconds % _DAY // _HOUR)
    minutes, rest = divmod(seconds, _MINUTE)
    if seconds < _HOUR:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def exact(at: int, now: int, zone: tzinfo) -> Markup:
    """Return a time to the second, with the date unless it is today, as HTML."""
    then, today = (datetime.fromtimestamp(each / 1000, zone) for each in (at, now))
    words = f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%m-%d %H:%M:%S}"
    whole = then.isoformat(" ", "seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment(at), whole, words)


def moment(at: int) -> str:
    """Return a time in ms since the epoch in ISO 8601."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
