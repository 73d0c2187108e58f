import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.source.repository import check_address, check_ref, check_url, host_of, origin_of


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/team/shop.git",
        "http://git.intranet:8080/shop",
        "ssh://git@example.com:2222/team/shop.git",
        "git@example.com:team/shop.git",
        "git@example.com:~user/商城.git",
        "intranet:shop.git",
        "git://example.com/shop.git",
        "file:///srv/git/shop.git",
        "/srv/git/my shop",
    ],
)
def test_a_place_where_git_may_look_is_let_through(url: str) -> None:
    assert check_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop",
        "./shop",
        "~/shop",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x:shop",
        "git@-oProxyCommand=x:shop",
        "git@example.com:-shop",
        "ssh://-oProxyCommand=x/shop",
        "ssh://-l@example.com/shop",
        "ext::sh -c touch% /tmp/x",
        "ext::true",
        "fd::17",
        "HTTPS://example.com/shop",
        "ftp://example.com/shop",
        "https://",
        "https:///shop",
        "https://example.com:port/shop",
        "https://example.com/shop\nhost",
        "file://host/shop",
        "file:shop://x",
        "/srv/git/\x00",
        "/srv/git/\ud800",
    ],
)
def test_whatever_is_no_place_for_git_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        check_url(url)
    assert refused.value.problem_detail.problem is Problem.REPOSITORY_SHAPE


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@example.com/shop.git",
        "https://s3cret@example.com/shop.git",
        "ssh://git:s3cret@example.com/shop.git",
        "https://user:s3c@s3cret@example.com/shop.git",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Refused) as refused:
        check_url(url)
    assert "s3c" not in str(refused.value.problem_detail.parameters["repository"])


@pytest.mark.parametrize(
    "ref",
    [
        "main",
        "feature/登录",
        "v1.2.3",
        "refs/tags/v1",
        "0a1b2c3",
        "a" * 40,
        "a-b",
        "user@fix",
        "#1",
    ],
)
def test_a_name_that_git_takes_is_a_ref(ref: str) -> None:
    assert check_ref(ref) == ref


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "-main",
        "--upload-pack=x",
        "a b",
        "a..b",
        "a/.b",
        "a//b",
        "/a",
        "a/",
        "a.lock",
        "a.lock/b",
        "a.",
        "@",
        "a@{1}",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "a\nb",
        "a\x7f",
        "a\x9b2J",
        "a\u202eb",
        "a\u2066",
        "a\ud800",
        "a" * 256,
    ],
)
def test_a_name_that_git_does_not_take_is_refused(ref: str) -> None:
    with pytest.raises(Refused) as refused:
        check_ref(ref)
    assert refused.value.problem_detail.problem is Problem.REF_SHAPE


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Example.com/shop", "https://example.com:443"),
        ("https://example.com:443/x", "https://example.com:443"),
        ("http://example.com:8080/shop", "http://example.com:8080"),
        ("git@Example.com:shop.git", "ssh://example.com:22"),
        ("ssh://git@example.com/shop", "ssh://example.com:22"),
        ("git://example.com/shop", "git://example.com:9418"),
        ("/srv/shop", "file://"),
        ("file:///srv/shop", "file://"),
    ],
)
def test_what_a_secret_is_bound_to_is_scheme_host_and_port(url: str, place: str) -> None:
    assert origin_of(check_url(url)).place == place


def test_the_host_is_found_in_every_form_of_address() -> None:
    assert host_of("https://Example.com:8443/shop") == "example.com"
    assert host_of("git@Example.com:shop") == "example.com"
    assert host_of("ssh://git@[::1]:22/shop") == "::1"
    assert host_of("/srv/shop") == host_of("file:///srv/shop") == ""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("file:///srv/git/my%20shop.git", "/srv/git/my shop.git"),
        ("https://github.com/team/shop/tree/master", "https://github.com/team/shop"),
        ("https://github.com/team/shop/blob/main/app.json", "https://github.com/team/shop"),
        ("https://gitee.com/team/shop/tree/master/", "https://gitee.com/team/shop"),
        ("https://github.com/team/shop/commit/abc", "https://github.com/team/shop"),
        ("https://git.example.com/a/b/shop/-/tree/main/src", "https://git.example.com/a/b/shop"),
        (
            "https://code.example.com/team/shop/src/branch/main",
            "https://code.example.com/team/shop",
        ),
        ("https://github.com/team/shop#readme", "https://github.com/team/shop"),
    ],
)
def test_an_address_that_names_a_page_is_refused_with_the_one_that_is_meant(
    given: str, meant: str
) -> None:
    """Issue 12, number 9."""
    with pytest.raises(Refused) as refused:
        check_address(given)
    assert refused.value.problem_detail == ProblemDetail(
        Problem.REPOSITORY_MEANT, {"repository": given, "meant": meant}
    )
    assert check_address(meant) == meant


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/team/tree",
        "https://github.com/team/tree.git",
        "https://gitlab.example.com/team/group/tree/shop.git",
        "https://gitlab.example.com/team/src/app",
        "git@github.com:team/shop/tree/master.git",
        "/srv/git/team/shop/tree/master",
        "ssh://git@git.example.com/team/shop/tree/master",
    ],
)
def test_a_repository_that_only_looks_like_a_page_is_let_through(url: str) -> None:
    assert check_address(url) == url
