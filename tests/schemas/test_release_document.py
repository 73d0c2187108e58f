"""The API, `--json`, the live socket and the remote client share one document of a release."""

import json
from dataclasses import replace

from mprelease.cli import show
from mprelease.domain.apps import Environment
from mprelease.domain.codes import Code, Validity
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import (
    Commit,
    Estimate,
    Kind,
    LaunchOptions,
    QueuePlace,
    Release,
    Sizes,
    Stage,
    StageRecord,
    StageState,
    State,
    WaitReason,
)
from mprelease.i18n import Language, Translator
from mprelease.live.state_feed import Changes
from mprelease.remote.parsing import release_of
from mprelease.remote.parsing import state_of as state_received
from mprelease.schemas.release_document import ReleaseModel, ReleaseState, document_of
from mprelease.web.live_source import states_in_json

NOW = 1_795_320_003_000
spell = Translator(Language.ENGLISH).of
RELEASE = Release(
    id=7,
    app_id=3,
    app_name="shop",
    platform=Platform.WECHAT,
    kind=Kind.UPLOAD,
    state=State.FAILED,
    ref="a" * 40,
    ref_name="main",
    environment=Environment.DEVELOPMENT,
    robot=2,
    version="26.11.26.0",
    description="words",
    launch=LaunchOptions("pages/a", "b=1", 1011),
    compile_settings={"es6": False},
    requested_by="林",
    created_at=1_795_320_000_000,
    started_at=1_795_320_001_000,
    ended_at=1_795_320_002_500,
    attempt=2,
    commit=Commit("a" * 40, "an author", "a subject", 1_795_310_000),
    sizes=Sizes(10, 8, {"pages/b": 2}),
    error=ProblemDetail(Problem.INSTALL_FAILED, {"code": 1}),
    failed_stage=Stage.INSTALL,
    warnings=(Message("warning.finished_without_qr_code"),),
    stages=(
        StageRecord(Stage.CHECKOUT, StageState.SUCCEEDED, 1_795_320_001_000, 1_795_320_001_640),
        StageRecord(Stage.INSTALL, StageState.FAILED, 1_795_320_001_650, 1_795_320_002_500),
    ),
    # A failed release has neither; the document gives whatever there is.
    estimate=Estimate({Stage.CHECKOUT: 600, Stage.INSTALL: 9000}, 10),
    queue=QueuePlace(2, "default", WaitReason.RELEASE, 6),
    code=Code(1_795_320_002_000, Validity.LIMITED, 1_795_321_502_000),
)


def sent(release: Release) -> dict[str, object]:
    document = document_of(release, spell, NOW)
    return json.loads(document.model_dump_json())


def test_the_remote_client_reads_what_the_api_gives() -> None:
    read = release_of(sent(RELEASE))
    assert read.error
    assert RELEASE.error
    assert spell(read.error.message) == spell(RELEASE.error.message)
    assert [spell(each) for each in read.warnings] == [spell(each) for each in RELEASE.warnings]
    # A number of a row means nothing elsewhere, and words are the server's.
    theirs = {"app_id": RELEASE.app_id, "error": RELEASE.error, "warnings": RELEASE.warnings}
    assert replace(read, **theirs) == RELEASE


def test_json_of_the_command_line_is_the_document_with_the_file_of_the_code() -> None:
    shown = show.release(RELEASE, None)
    document = sent(RELEASE)
    assert shown.keys() == document.keys() - {"has_qr_code"} | {"qr_code"}
    same = shown.keys() & document.keys() - {"error", "warnings"}
    assert {name: shown[name] for name in same} == {name: document[name] for name in same}


def test_the_socket_says_a_part_of_the_document() -> None:
    [state] = states_in_json(Changes(1, [RELEASE], is_whole=True), NOW)["states"]
    assert state == {name: sent(RELEASE)[name] for name in ReleaseState.model_fields}
    earlier = replace(RELEASE, state=State.RUNNING, stages=())
    assert state_received(earlier, state) == RELEASE


def test_a_reader_is_told_the_version_of_the_format() -> None:
    assert sent(RELEASE)["format"] == ReleaseModel.model_fields["format"].default == 1
