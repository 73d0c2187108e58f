"""The form of a release: refs in groups, unknown refs, problems beside their fields, changes."""

import re
from dataclasses import replace

import pytest

from databases import SQLITE
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Release
from mprelease.domain.users import Actor, Role
from mprelease.domain.worker_queries import WorkerQuery
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.storage import lists
from mprelease.storage.lists import Search
from mprelease.web.ref_choices import choices
from web_clients import NAMES, Site

COMMIT = {"id": "a" * 40, "author": "林", "subject": "修复支付", "time": 1_700_000_000}
EN = {"accept-language": "en"}


@pytest.fixture
def kind() -> str:
    return SQLITE


def newest(site: Site) -> Release:
    with site.services.database.reading() as db:
        return lists.search(db, Search(limit=1))[0]


def answers(site: Site, facts: dict[str, object] | Problem) -> None:
    """Let workers answer each query with these facts, or with a problem."""

    def ask(label: str, query: WorkerQuery, *, seconds: float, max_age: float) -> dict[str, object]:
        if isinstance(facts, Problem):
            raise Refused(facts, host="git.example", label=label)
        return facts

    site.app.state.context = replace(site.app.state.context, ask=ask)


def test_refs_are_grouped_with_their_newest_commits(site: Site) -> None:
    member = Actor(NAMES[Role.MEMBER])
    for ref in ("mine", "mine", "f" * 40):
        releases.request(site.services, member, ReleaseRequest(app="shop", ref=ref))
    facts = {"branches": ["main", "mine", "old"], "tags": ["v1", "v2"], "commits": {"old": COMMIT}}
    answers(site, facts)
    page = site.logged_in(Role.MEMBER).client.get("/apps/shop/refs?box=1", headers=EN).text
    titles = re.findall(r'class="ref-title"[^>]*>([^<]+)<', page)
    assert titles == ["Used by you lately", "Newest commits", "Tags"]
    values = re.findall(r'data-value="([^"]+)"', page)
    assert values == ["mine", "old", "main", "mine", "v2", "v1"]
    assert "修复支付 · 林" in page


def test_more_refs_than_are_shown_are_searched_by_the_server(site: Site) -> None:
    answers(site, {"branches": [f"feature/{n:03d}" for n in range(500)], "tags": []})
    client = site.logged_in(Role.MEMBER).client
    page = client.get("/apps/shop/refs?box=1").text
    assert page.count("data-value=") == 200
    assert "data-more" in page
    found = client.get("/apps/shop/refs?box=1&q=Feature/49").text
    assert found.count("data-value=") == 10
    assert "data-more" not in found


def test_a_name_of_a_branch_is_text(site: Site) -> None:
    answers(site, {"branches": ['a"<b>'], "tags": []})
    page = site.logged_in(Role.MEMBER).client.get("/apps/shop/refs?box=1").text
    assert "<b>" not in page
    assert choices({}, [], "x").groups == []


def test_a_silent_host_is_named_and_the_refs_of_ones_own_are_there(site: Site) -> None:
    answers(site, Problem.GIT_HOST_SILENT)
    member = Actor(NAMES[Role.MEMBER])
    releases.request(site.services, member, ReleaseRequest(app="shop", ref="mine"))
    page = site.logged_in(Role.MEMBER).client.get("/apps/shop/refs?box=1").text
    assert "git.example" in page
    assert re.findall(r'data-value="([^"]+)"', page) == ["mine"]


def test_an_unknown_ref_is_refused_beside_its_field_and_can_be_forced(site: Site) -> None:
    answers(site, {"branches": ["main"], "tags": ["v1"]})
    member = site.logged_in(Role.MEMBER)
    form = {"csrf": member.csrf, "ref": "mian", "start_page": "pages/typed"}
    answer = member.client.post("/apps/shop/preview", data=form)
    assert answer.status_code == 422
    assert "仓库中没有分支或标签“mian”" in answer.text
    assert 'value="mian"' in answer.text
    assert 'value="pages/typed"' in answer.text
    assert newest(site).id == site.first, "nothing is queued"
    other = {**form, "ref": "mian2", "forced_ref": "mian"}
    assert member.client.post("/apps/shop/preview", data=other).status_code == 422
    forced = {**form, "forced_ref": "mian"}
    assert member.client.post("/apps/shop/preview", data=forced).status_code == 200
    assert newest(site).ref == "mian"


@pytest.mark.parametrize(
    "ref", ["main", "v1", "refs/heads/main", "refs/tags/v1", "0123abc", "f" * 40]
)
def test_what_may_be_in_the_repository_is_not_refused(site: Site, ref: str) -> None:
    answers(site, {"branches": ["main"], "tags": ["v1"]})
    site.logged_in(Role.MEMBER).send("/apps/shop/preview", ref=ref)
    assert newest(site).ref == ref


def test_without_an_answer_any_ref_is_queued(site: Site) -> None:
    answers(site, Problem.NO_WORKER)
    site.logged_in(Role.MEMBER).send("/apps/shop/preview", ref="somewhere")
    assert newest(site).ref == "somewhere"


@pytest.mark.parametrize(
    ("field", "value"), [("ref", "a..b"), ("query", "?a b"), ("scene", "x"), ("start_page", "/../")]
)
def test_a_problem_stands_beside_its_field_with_what_was_typed(
    site: Site, field: str, value: str
) -> None:
    member = site.logged_in(Role.MEMBER)
    page = member.send("/apps/shop/preview", **{"ref": "main", field: value})
    after = page[page.index(f'id="{field}"') :]
    assert (
        after.index("field-problem")
        < after.index("</details>" if field != "ref" else "form-hint") + 900
    )
    assert f'value="{value}"' in page
    assert page.count('role="alert"') == 1
    if field in {"query", "scene"}:
        assert re.search(r'class="advanced mb-3" open', page)


def test_the_form_has_what_helps_without_a_script(site: Site) -> None:
    member = Actor(NAMES[Role.MEMBER])
    wanted = ReleaseRequest(app="shop", ref="mine", start_page="pages/pay")
    releases.request(site.services, member, wanted)
    page = site.logged_in(Role.MEMBER).client.get("/apps/shop/preview").text
    assert '<option value="mine">' in page
    assert '<option value="pages/pay">' in page
    assert re.search(r'type="radio" name="environment" value="production" checked', page)
    assert "2 个未完成" in page


def test_the_changes_since_the_last_upload_have_check_marks(site: Site) -> None:
    page = site.logged_in(Role.MEMBER).client.get("/apps/shop/changes?ref=main").text
    assert page.count("data-change=") == 1
    assert "修复支付" in page
    assert site.logged_in(Role.MEMBER).client.get("/apps/shop/changes?robot=x").status_code == 200
