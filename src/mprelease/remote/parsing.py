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
from mprelease.domain.robots import ChosenBy, RobotReason


def release_of(content: Any) -> Release:
    """Return a release of the API; its messages are in the language of the request."""
    return Release(
        id=content["id"],
        app_id=0,
        app_name=content["app"],
        platform=platforms.named(content["platform"]),
        kind=known_or_newer(Kind, content["kind"]),
        state=known_or_newer(State, content["state"]),
        ref=content["ref"],
        environment=known_or_newer(Environment, content["environment"]),
        robot=content["robot"],
        version=content["version"],
        description=content["description"],
        launch=LaunchOptions(content["start_page"], content["query"], content["scene"]),
        compile_settings=content["compile_settings"],
        requested_by=content["requested_by"],
        created_at=_ms(content["created_at"]) or 0,
        started_at=_ms(content["started_at"]),
        ended_at=_ms(content["ended_at"]),
        attempt=content["attempt"],
        commit=_commit(content["commit"]),
        sizes=Sizes(**content["sizes"]) if content["sizes"] else None,
        error=ProblemDetail(Problem.SERVER_SAYS, words_of(content["error"]))
        if content["error"]
        else None,
        failed_stage=known_or_newer(Stage, content["failed_stage"])
        if content["failed_stage"]
        else None,
        warnings=tuple(Message("cli.as_said", {"words": words}) for words in content["warnings"]),
        stages=tuple(_stage(one) for one in content["stages"]),
        ref_name=content["ref_name"],
        node_version=content.get("node_version"),
        robot_name=content.get("robot_name"),
        robot_reason=_reason(content.get("robot_reason")),
    )


def words_of(refusal: Any) -> dict[str, str]:
    """Return the parameters of SERVER_SAYS for an error of the API."""
    return {
        "code": str(refusal["problem"]),
        "message": str(refusal["message"]),
        "remedy": str(refusal["remedy"]),
    }


def state_of(release: Release, content: Any) -> Release:
    """Return the release with the state in a message of the live socket."""
    stages = tuple(_stage(one) for one in content["stages"])
    return replace(release, state=known_or_newer(State, content["state"]), stages=stages)


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


def _commit(content: Any) -> Commit | None:
    if content is None:
        return None
    at = _ms(content["time"]) or 0
    return Commit(content["id"], content["author"], content["subject"], at // 1000)


def _reason(content: Any) -> RobotReason | None:
    # Older servers do not send it.
    return content and RobotReason(known_or_newer(ChosenBy, content["source"]), content["pattern"])


def _stage(content: Any) -> StageRecord:
    times = _ms(content["started_at"]), _ms(content["ended_at"])
    return StageRecord(
        known_or_newer(Stage, content["name"]),
        known_or_newer(StageState, content["state"]),
        *times,
        content["cached"],
    )


def _ms(moment: str | None) -> int | None:
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() * 1000)
