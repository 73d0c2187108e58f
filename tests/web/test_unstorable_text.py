"""Issue 12, number 7: a name that is no UTF-8 in a release's error breaks no page and no answer."""

import pytest

from databases import KINDS
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import State
from mprelease.domain.users import Role
from mprelease.storage import queue
from web_clients import Site

GBK = "你好.js".encode("gbk").decode(errors="surrogateescape")
SHOWN = r"\xc4\xe3\xba\xc3.js"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("address", ["/", "/apps/shop", "/releases/{}", "/api/v1/releases/{}"])
def test_everybody_still_gets_an_answer(site: Site, address: str) -> None:
    lease = queue.claim(site.services.database, site.first, "worker", "token")
    assert lease
    with site.services.database.writing() as db:
        queue.warn(db, lease, Message("problem.link_leads_outside", {"path": GBK}))
        queue.end(db, lease, State.FAILED, ProblemDetail(Problem.LINK_LEADS_OUTSIDE, {"path": GBK}))
    viewer = site.logged_in(Role.VIEWER)
    for path in (address.format(site.first), "/", "/api/v1/releases"):
        answer = viewer.client.get(path)
        assert answer.status_code == 200
    assert SHOWN in viewer.client.get(f"/releases/{site.first}").text
