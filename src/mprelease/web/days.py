"""Releases by the day on which they were requested, in the configured time zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby

from mprelease.domain.releases import Release
from mprelease.i18n import Translator


@dataclass(frozen=True)
class Day:
    """The releases of one day, with its title."""

    date: date
    title: str
    releases: tuple[Release, ...]


def by_day(releases: Sequence[Release], zone: tzinfo, now: int, t: Translator) -> list[Day]:
    """Group releases, which are in the order of time; `now` is in ms since the epoch."""
    today = day_of(now, zone)
    return [
        Day(day, _title(day, today, t), tuple(own))
        for day, own in groupby(releases, lambda one: day_of(one.created_at, zone))
    ]


def day_of(at: int, zone: tzinfo) -> date:
    """Return the day of a time in ms since the epoch."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).date()


def _title(day: date, today: date, t: Translator) -> str:
    names = {today: "web.today", today - timedelta(days=1): "web.yesterday"}
    weekday = t(f"weekday.{day.isoweekday()}")
    exact = f"{day.isoformat()} {weekday}"
    return f"{t(names[day])} · {exact}" if day in names else exact
