"""Charts of stacked bars as numbers for an inline SVG, which the template `chart.html` draws.

The drawing has 360 units across, so that its texts can be read on a phone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mprelease.i18n.quantities import duration, size

WIDTH, HEIGHT = 360, 190
_LEFT, _TOP, _BOTTOM = 46, 12, 22
_WIDEST = 22
_LINES = 5


@dataclass(frozen=True)
class Column:
    """One bar: its label, the release that it leads to, and its values by series."""

    label: str
    release_id: int
    values: Mapping[str, int]


@dataclass(frozen=True)
class Limit:
    """A value that is drawn as a line, with its name."""

    value: int
    name: str


@dataclass(frozen=True)
class Segment:
    """A part of a bar, by number of the series."""

    series: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One bar; `text` has all values."""

    x: float
    width: float
    segments: tuple[Segment, ...]
    text: str


@dataclass(frozen=True)
class Line:
    """A horizontal line with its text."""

    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart with its bars, the lines of its scale, and the limits."""

    series: tuple[str, ...]
    columns: tuple[Column, ...]
    bars: tuple[Bar, ...]
    scale: tuple[Line, ...]
    limits: tuple[Line, ...]


@dataclass(frozen=True)
class Scale:
    """The values between two lines of a scale, ascending, and the format of values."""

    steps: tuple[int, ...]
    shown: Callable[[int], str]


BYTES = Scale(tuple(2**power for power in range(10, 63)), size)
MILLISECONDS = Scale(
    tuple(digit * 10**power for power in range(2, 13) for digit in (1, 2, 5)), duration
)


def stacked(
    columns: Sequence[Column],
    series: Sequence[str],
    scale: Scale,
    limits: Sequence[Limit] = (),
) -> Chart:
    """Return a chart of columns, oldest first; values of the first series are at the bottom.

    Limits are drawn if they are within twice of the highest bar.
    """
    highest = max((sum(one.values.values()) for one in columns), default=0) or 1
    drawn = [limit for limit in limits if limit.value <= 2 * highest]
    most = max([highest, *(limit.value for limit in drawn)])
    step = next(each for each in scale.steps if each * _LINES >= most)
    top = step * -(-most // step)
    height = HEIGHT - _TOP - _BOTTOM

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - height * value / top, 1)

    room = (WIDTH - _LEFT) / max(len(columns), 8)
    bars = tuple(
        _bar(column, series, _LEFT + number * room, min(room * 0.8, _WIDEST), y, scale.shown)
        for number, column in enumerate(columns)
    )
    marks = tuple(Line(y(value), scale.shown(value)) for value in range(0, top + 1, step))
    lines = tuple(
        Line(y(limit.value), f"{limit.name} {scale.shown(limit.value)}") for limit in drawn
    )
    return Chart(tuple(series), tuple(columns), bars, marks, lines)


def _bar(  # noqa: PLR0917 where and how it is drawn
    column: Column,
    series: Sequence[str],
    x: float,
    width: float,
    y: Callable[[float], float],
    shown: Callable[[int], str],
) -> Bar:
    segments, sum_below = [], 0
    for number, name in enumerate(series):
        value = column.values.get(name, 0)
        top, bottom = y(sum_below + value), y(sum_below)
        sum_below += value
        segments.append(Segment(number, top, round(bottom - top, 1)))
    values = ", ".join(f"{name} {shown(value)}" for name, value in column.values.items())
    text = f"{column.label}: {values}"
    return Bar(round(x, 1), round(width, 1), tuple(segments), text)
