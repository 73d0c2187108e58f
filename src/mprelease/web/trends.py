"""The trends of an app: package sizes, durations of stages, and how its releases have ended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mprelease.domain.platforms import SizeLimits
from mprelease.domain.problems import ProblemDetail
from mprelease.domain.releases import Release, Sizes, Stage, State
from mprelease.domain.sizes import FULL, MAIN, SizeBudget
from mprelease.i18n import Translator
from mprelease.web.charts import BYTES, MILLISECONDS, Chart, Column, Limit, stacked

BARS = 30
_PACKAGES = 5
_CAUSES = 8


@dataclass(frozen=True)
class Cause:
    """Why releases have failed: how many, and the newest of them."""

    count: int
    newest: Release
    problem_detail: ProblemDetail


@dataclass(frozen=True)
class StageTime:
    """The median of a stage's durations in ms, and how many there are."""

    stage: Stage
    median: int
    count: int


@dataclass(frozen=True)
class Trends:
    """What the page of trends shows; a chart is None without data."""

    sizes: Chart | None
    durations: Chart | None
    stages: tuple[StageTime, ...]
    states: tuple[tuple[State, int], ...]
    causes: tuple[Cause, ...]
    count: int

    @property
    def success_percent(self) -> int | None:
        """Return the part of successes among successes and failures; None without any."""
        by_state = dict(self.states)
        good, bad = by_state.get(State.SUCCEEDED, 0), by_state.get(State.FAILED, 0)
        return round(100 * good / (good + bad)) if good + bad else None


def trends_of(
    ended: Sequence[Release], limits: SizeLimits, budgets: Sequence[SizeBudget], t: Translator
) -> Trends:
    """Return the trends in releases that have ended, oldest first."""
    succeeded = [one for one in ended if one.state is State.SUCCEEDED]
    states = Counter(one.state for one in ended)
    return Trends(
        _sizes(succeeded, _lines(limits, budgets, t), t),
        _durations(succeeded[-BARS:], t),
        tuple(_stage_times(succeeded)),
        tuple((state, states[state]) for state in State if states[state]),
        tuple(_causes(ended)),
        len(ended),
    )


def _lines(limits: SizeLimits, budgets: Sequence[SizeBudget], t: Translator) -> list[Limit]:
    """Return the lines of the chart: what is at the bottom of the bars, and all packages."""
    named = ((limits.main, "web.limit_main"), (limits.full, "web.limit_full"))
    drawn = {MAIN: "web.budget_main", FULL: "web.budget_full"}
    own = [Limit(one.size, t(drawn[one.package])) for one in budgets if one.package in drawn]
    return [*(Limit(value, t(name)) for value, name in named if value), *own]


def _sizes(succeeded: Sequence[Release], lines: Sequence[Limit], t: Translator) -> Chart | None:
    measured = [(one, one.sizes) for one in succeeded if one.sizes][-BARS:]
    if not measured:
        return None
    newest = measured[-1][1].packages
    largest = sorted(newest, key=lambda name: -newest[name])[:_PACKAGES]
    main, others = t("web.main_package"), t("web.other_packages")
    columns = [
        Column(_label(one), one.id, _by_series(sizes, main, largest, others))
        for one, sizes in measured
    ]
    used = {name for column in columns for name in column.values}
    series = [name for name in (main, *largest, others) if name in used]
    return stacked(columns, series, BYTES, lines)


def _by_series(sizes: Sizes, main: str, largest: Sequence[str], others: str) -> dict[str, int]:
    values = {main: sizes.main}
    for name, value in sizes.packages.items():
        series = name if name in largest else others
        values[series] = values.get(series, 0) + value
    return values


def _durations(succeeded: Sequence[Release], t: Translator) -> Chart | None:
    columns = [
        Column(_label(one), one.id, {t(f"stage.{stage}"): ms for stage, ms in _times(one).items()})
        for one in succeeded
    ]
    if not any(column.values for column in columns):
        return None
    return stacked(columns, [t(f"stage.{stage}") for stage in Stage], MILLISECONDS)


def _times(release: Release) -> dict[Stage, int]:
    """Return the durations of a release's stages in ms."""
    return {
        stage.name: stage.ended_at - stage.started_at
        for stage in release.stages
        if stage.started_at and stage.ended_at
    }


def _stage_times(succeeded: Sequence[Release]) -> list[StageTime]:
    times = [_times(one) for one in succeeded]
    by_stage = {stage: [one[stage] for one in times if stage in one] for stage in Stage}
    return [
        StageTime(stage, round(median(values)), len(values))
        for stage, values in by_stage.items()
        if values
    ]


def _causes(ended: Sequence[Release]) -> list[Cause]:
    """Return the causes of failures, the most frequent first."""
    failed = [one for one in ended if one.state is State.FAILED and one.error]
    counts = Counter(one.error.problem for one in failed if one.error)
    newest = {one.error.problem: one for one in failed if one.error}
    causes = [
        Cause(count, newest[problem], error)
        for problem, count in counts.most_common()
        if (error := newest[problem].error)
    ]
    return causes[:_CAUSES]


def _label(release: Release) -> str:
    return release.version or f"#{release.id}"
