"""Parse the JSON of the API and of the live socket into domain records."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from mprelease.domain import platforms
from mprelease.domain.apps import Environment
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import (
    Commit,
    Kind,
    LaunchOptions,
    Release,
    Sizes,
    Stage,
    StageRecord,
    StageState,
    State,
)


def release_of(told: Any) -> Release:
    """Return a release of the API; its messages are in the language of the request."""
    return Release(
        id=told["id"],
        app_id=0,
        app_name=told["app"],
        platform=platforms.named(told["platform"]),
        kind=known_or_newer(Kind, told["kind"]),
        state=known_or_newer(State, told["state"]),
        ref=told["ref"],
        environment=known_or_newer(Environment, told["environment"]),
        robot=told["robot"],
        version=told["version"],
        description=told["description"],
        launch=LaunchOptions(told["start_page"], told["query"], told["scene"]),
        compile_settings=told["compile_settings"],
        requested_by=told["requested_by"],
        created_at=_ms(told["created_at"]) or 0,
        started_at=_ms(told["started_at"]),
        ended_at=_ms(told["ended_at"]),
        attempt=told["attempt"],
        commit=_commit(told["commit"]),
        sizes=Sizes(**told["sizes"]) if told["sizes"] else None,
        error=ProblemDetail(Problem.SERVER_SAYS, words_of(told["error"]))
        if told["error"]
        else None,
        failed_stage=known_or_newer(Stage, told["failed_stage"]) if told["failed_stage"] else None,
        warnings=tuple(Message("cli.as_said", {"words": words}) for words in told["warnings"]),
        stages=tuple(_stage(one) for one in told["stages"]),
        ref_name=told["ref_name"],
    )


def words_of(refusal: Any) -> dict[str, str]:
    """Return the parameters of SERVER_SAYS for an error of the API."""
    return {
        "code": str(refusal["problem"]),
        "message": str(refusal["message"]),
        "remedy": str(refusal["remedy"]),
    }


def state_of(release: Release, told: Any) -> Release:
    """Return the release with the state in a message of the live socket."""
    stages = tuple(_stage(one) for one in told["stages"])
    return replace(release, state=known_or_newer(State, told["state"]), stages=stages)


def lines_of(passages: Any) -> list[LogLine]:
    """Return the lines in a message of the live socket."""
    return [
        LogLine(Position(attempt, number), 0, known_or_newer(Stage, stage), text)
        for attempt, first, stage, texts in passages
        for number, text in enumerate(texts, start=first)
    ]


def listed_lines_of(items: Any) -> list[LogLine]:
    """Return the lines in a page of the API's log."""
    return [
        LogLine(
            Position(one["attempt"], one["line"]),
            0,
            known_or_newer(Stage, one["stage"]),
            one["text"],
        )
        for one in items
    ]


def _commit(told: Any) -> Commit | None:
    if told is None:
        return None
    at = _ms(told["time"]) or 0
    return Commit(told["id"], told["author"], told["subject"], at // 1000)


def _stage(told: Any) -> StageRecord:
    times = _ms(told["started_at"]), _ms(told["ended_at"])
    return StageRecord(
        known_or_newer(Stage, told["name"]),
        known_or_newer(StageState, told["state"]),
        *times,
        told["cached"],
    )


def _ms(moment: str | None) -> int | None:
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() * 1000)
