"""How far an unfinished release is, as people read it: the same on pages and in the command line.

`web/static/progress.js` shows it in the same form.
"""

import math

from mprelease.domain.progress import remaining_ms, slowness
from mprelease.domain.releases import Release
from mprelease.i18n import Translator

_MINUTE = 60
_IN_SECONDS = 90


def remaining(t: Translator, milliseconds: int) -> str:
    """Return how long a release still takes, in whole seconds, or minutes from 90 s."""
    seconds = math.ceil(milliseconds / 1000)
    if seconds == 0:
        return t("progress.almost")
    if seconds < _IN_SECONDS:
        return t("progress.seconds", count=seconds)
    return t("progress.minutes", count=round(seconds / _MINUTE))


def slow(t: Translator, factor: float) -> str:
    """Return how many times the usual time a release has taken, to a tenth."""
    return t("progress.slow", factor=f"{factor:.1f}".removesuffix(".0"))


def progress(t: Translator, release: Release, now: int) -> str | None:
    """Return how long an unfinished release still takes, or how slow it is; None if unknown."""
    if release.queue and release.estimate:
        return t("progress.once_started", time=about(t, release.estimate.expected_ms))
    if factor := slowness(release, now):
        return slow(t, factor)
    rest = remaining_ms(release, now)
    return None if rest is None else remaining(t, rest)


def about(t: Translator, milliseconds: int) -> str:
    """Return a time as people estimate it: in whole seconds, or minutes from 90 s."""
    seconds = max(1, math.ceil(milliseconds / 1000))
    if seconds < _IN_SECONDS:
        return t("progress.time.seconds", count=seconds)
    return t("progress.time.minutes", count=round(seconds / _MINUTE))
