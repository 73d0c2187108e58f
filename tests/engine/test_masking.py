"""Whatever is recorded of a release, its secrets are not in it."""

import json

import pytest

from databases import on_sqlite
from light_pipeline import make_worker
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import Commit, Kind, State
from mprelease.engine.masking import masked_message
from mprelease.engine.worker import WorkerConfig
from mprelease.pipeline.run import Run
from mprelease.pipeline.runner import Outcome
from mprelease.process.mask import MASK, Mask
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.storage import logs
from worker_pool import WorkerPool

pytestmark = pytest.mark.lasting

NPMRC = "//npm.corp/:_authToken=npm_s3cret\n//npm.corp/:_password=cGFzc3dvcmQ=\nregistry=https://npm.corp"
SECRETS = (
    "npm_s3cret",
    "password",
    "cGFzc3dvcmQ=",
    "glpat-s3cret",
    "d0uyin-s3cret",
    "lin@corp.example",
)
SENT_LINES = f"{' '.join(SECRETS)} registry=https://npm.corp deploy"
HIDDEN = f"{' '.join([MASK] * len(SECRETS))} registry=https://npm.corp deploy"


def talkative(run: Run) -> Outcome:
    """Say the secrets wherever something can be said."""
    run.log(SENT_LINES)
    run.recorder.checked_out(Commit("c" * 40, SENT_LINES, SENT_LINES, 1))
    run.recorder.warned(Message("hint.douyin_no_qr_code", {"detail": SENT_LINES}))
    if run.job.release.description == "crash":
        raise RuntimeError(SENT_LINES)
    problem_detail = ProblemDetail(Problem.INTERNAL, {"detail": SENT_LINES, "line": 7})
    return Outcome(
        State.FAILED,
        problem_detail,
        warning=Message("warning.record_incomplete", {"detail": SENT_LINES}),
    )


@on_sqlite
@pytest.mark.parametrize("description", ["", "crash"])
def test_parts_of_secrets_are_in_no_line_no_warning_and_no_failure(
    pool: WorkerPool, description: str
) -> None:
    secrets = {ProjectSecret.GIT_TOKEN: "deploy:glpat-s3cret", ProjectSecret.NPMRC: NPMRC}
    projects.edit(pool.services, pool.who, "web", ProjectChange(secrets=secrets))
    login = json.dumps({"email": "lin@corp.example", "password": "d0uyin-s3cret"}).encode()
    new = AppChange(name="dy", platform_app_id="tt0123456789abcdef", credential=login)
    apps.add(pool.services, pool.who, "web", Platform.DOUYIN, new)
    wanted = ReleaseRequest(app="dy", kind=Kind.PREVIEW, description=description)
    release_id = releases.request(pool.services, pool.who, wanted)
    worker = make_worker(
        pool.services, pool.folder / "one", talkative, WorkerConfig("one", ("default",), 1, 0, 3000)
    )
    worker.start()
    pool.workers.append(worker)
    release = pool.becomes(release_id, State.FAILED)
    with pool.services.database.reading() as db:
        assert [line.text for line in logs.after(db, release_id)] == [HIDDEN]
    assert release.commit
    assert (release.commit.author, release.commit.subject) == (HIDDEN, HIDDEN)
    assert release.error
    warnings = [warning.parameters for warning in release.warnings]
    for parameters in (*warnings, release.error.parameters):
        detail = str(parameters["detail"])
        assert HIDDEN in detail
        assert not any(secret in detail for secret in SECRETS)


def test_what_a_warning_tells_is_no_longer_than_a_list_can_show() -> None:
    message = masked_message(Message("x", {"packages": "a, " * 300_000, "count": 7}), Mask(()))
    assert len(str(message.parameters["packages"])) < 10_000
    assert message.parameters["count"] == 7
