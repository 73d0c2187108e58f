"""Lines that are logged while a release runs say which one it is, from each of its threads."""

import pytest

from databases import on_sqlite
from mprelease import log_context
from mprelease.domain.releases import State
from mprelease.engine import lease
from mprelease.storage import queue
from worker_pool import WorkerPool


@on_sqlite
def test_the_threads_of_a_slot_log_about_their_release(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    about: dict[str, set[int | None]] = {"slot": set(), "lease": set()}
    end, renew = queue.end, queue.renew

    def noted_end(*arguments: object) -> object:
        about["slot"].add(log_context.release_id.get())
        return end(*arguments)

    def noted_renew(*arguments: object) -> object:
        about["lease"].add(log_context.release_id.get())
        return renew(*arguments)

    monkeypatch.setattr(queue, "end", noted_end)
    monkeypatch.setattr(queue, "renew", noted_renew)
    monkeypatch.setattr(lease, "_BEAT_SECONDS", 0.01)
    first, second = pool.request(app="shop-1"), pool.request(app="shop-2")
    pool.worker()
    for number in (first, second):
        pool.becomes(number, State.SUCCEEDED)
    assert about == {"slot": {first, second}, "lease": {first, second}}
