"""A worker answers which version of an app the testers see."""

from databases import on_sqlite
from mprelease.domain.platforms import Platform
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.schemas.apps import AppChange
from mprelease.services import apps, worker_queries
from worker_pool import WorkerPool


@on_sqlite
def test_a_platform_without_the_request_names_no_trial_version(pool: WorkerPool) -> None:
    pool.worker()
    new = AppChange(name="other", platform_app_id="wx00000000000000ff")
    apps.add(pool.services, pool.who, "web", Platform.WECHAT, new)
    query = WorkerQuery(WorkerQueryKind.TRIAL_VERSION, "other")
    answer = worker_queries.ask(pool.services, "default", query, seconds=20, max_age=0)
    assert answer == QueryAnswer({"version": None})
