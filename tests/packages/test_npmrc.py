import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mprelease.packages.npmrc import for_yarn, secrets_in, settings
from mprelease.process import programs
from mprelease.settings.environment import machine_environment


def content_of(*lines: str) -> Any:
    return json.loads(for_yarn("\n".join(lines)))


def test_no_npmrc_gives_no_rights() -> None:
    assert content_of() == {"npmScopes": {}, "npmRegistries": {}, "unsafeHttpWhitelist": []}


def test_the_registry_and_those_of_scopes_are_the_same() -> None:
    content = content_of(
        "; ours",
        "registry=https://npm.corp/group/",
        "@shop:registry = http://shop.corp:4873",
        "save-exact=true",
    )
    assert content["npmRegistryServer"] == "https://npm.corp/group"
    assert content["npmScopes"] == {"shop": {"npmRegistryServer": "http://shop.corp:4873"}}
    assert content["unsafeHttpWhitelist"] == ["shop.corp"]


def test_a_token_opens_its_registry() -> None:
    content = content_of("//npm.corp/group/:_authToken=secret")
    expected = {"npmAuthToken": "secret", "npmAlwaysAuth": True}
    assert content["npmRegistries"] == {"//npm.corp/group": expected}


def test_a_token_opens_every_registry_below_its_place() -> None:
    content = content_of(
        "//npm.corp/:_authToken=outer",
        "//npm.corp/shop/:_authToken=inner",
        "registry=https://npm.corp/group/",
        "@shop:registry=https://npm.corp/shop/",
        "@else:registry=https://elsewhere.corp/",
    )
    tokens = {place: login["npmAuthToken"] for place, login in content["npmRegistries"].items()}
    assert tokens == {
        "//npm.corp": "outer",
        "//npm.corp/group": "outer",
        "//npm.corp/shop": "inner",
    }


PASSWORD = base64.b64encode(b"pass").decode()


@pytest.mark.parametrize(
    "lines",
    [
        ("//npm.corp/:username=lin", f"//npm.corp/:_password={PASSWORD}"),
        ("//npm.corp/:username=lin", f"//npm.corp/:_password={PASSWORD.rstrip('=')}"),
        (f'//npm.corp/:_auth = "{base64.b64encode(b"lin:pass").decode()}"',),
    ],
)
def test_name_and_password_open_a_registry_as_well(lines: tuple[str, ...]) -> None:
    ident = content_of(*lines)["npmRegistries"]["//npm.corp"]["npmAuthIdent"]
    assert base64.b64decode(ident) == b"lin:pass"


@pytest.mark.parametrize(
    "text", ["=", "a", "//x/:_password=%", "@:registry=", "[" * 9_000, "\0=\r"]
)
def test_odd_lines_do_no_harm(text: str) -> None:
    assert content_of(text)["npmRegistries"] == {}


@pytest.mark.parametrize(
    ("line", "secrets"),
    [
        ("//npm.corp/:_authToken=npm_abc/def", {"npm_abc/def"}),
        ('//npm.corp/:_authToken = "npm_abc" ; ours', {"npm_abc"}),
        ("//npm.corp:8443/x/:_password=cGFzc3dvcmQ", {"cGFzc3dvcmQ", "password"}),
        (
            f"_auth={base64.b64encode(b'lin:pass:word').decode()}",
            {"bGluOnBhc3M6d29yZA==", "pass:word"},
        ),
        ("; //npm.corp/:_authToken=the-old-one", {"the-old-one"}),
        ("registry=https://lin:p%40ss@npm.corp/", {"p%40ss", "p@ss"}),
        ("https-proxy=http://lin:secret@proxy:3128", {"secret"}),
        ('//npm.corp/:key="-----BEGIN X-----\\nabc"', {"-----BEGIN X-----\nabc"}),
        ("//npm.corp/:username=lin", set()),
        ("registry=https://npm.corp/", set()),
        ("email=lin@example.com", set()),
    ],
)
def test_the_secrets_are_its_values_in_every_form(line: str, secrets: set[str]) -> None:
    found = set(secrets_in(f"save-exact=true\r\n{line}\r\n"))
    assert secrets <= found
    assert bool(found) == bool(secrets)


def test_a_registry_on_another_port_gets_no_right() -> None:
    content = content_of(
        "//npm.corp:8443/:_authToken=secret",
        "registry=https://npm.corp/",
        "@shop:registry=https://npm.corp:9443/",
    )
    assert list(content["npmRegistries"]) == ["//npm.corp:8443"]


def test_a_long_line_is_read_at_once() -> None:
    assert secrets_in("//npm.corp/:_authToken=" + "a" * 280_000)[0] == "a" * 280_000
    assert secrets_in("a" * 280_000 + "://" * 90_000 + ":" * 280_000) == ()


VALUES = (
    "https://npm.example.com/ ; ours",
    "https://npm.example.com/ # ours",
    "https://npm.example.com/#glued",
    "https://npm.example.com/;glued",
    '"https://npm.example.com/ ; kept" ; comment',
    "'https://npm.example.com/ # kept'",
    '"https://npm.example.com/ ; kept"',
    "'\"https://npm.example.com/\"'",
    r"https://npm.example.com/\;x\#y z",
    r"https://npm.example.com/ \\ ; comment",
    "https://npm.example.com/\\y\\",
    '"https://npm.example.com/',
    '"https://npm.example.com/" x',
    r'"a\"b;c"',
    "https://npm.example.com/?a=b",
    "",
    "'1'",
)


def test_values_are_those_that_npm_reads(tmp_path: Path) -> None:
    """Issue 12, number 24: a comment behind a value counted as a part of it."""
    lines = ["; @z:registry=https://no.example.com/", "  # @z:registry=https://no.example.com/"]
    lines += [f"@n{number}:registry = {value}" for number, value in enumerate(VALUES)]
    lines += ["@n0:registry=https://twice.example.com/ ; the last one counts"]
    text = "\n".join([*lines, "[section]", "@section:registry=https://no.example.com/"])
    npmrc = tmp_path / ".npmrc"
    npmrc.write_text(text)
    environment = machine_environment() | {"HOME": str(tmp_path)}
    npm = programs.find(programs.NPM, environment).path
    options = ("--json", "--loglevel=silent", "--userconfig", str(npmrc))
    listed = subprocess.run(
        [npm, "config", "list", *options],
        cwd=tmp_path.parent,
        env=environment,
        capture_output=True,
        check=True,
    )
    read = {name: str(value) for name, value in json.loads(listed.stdout).items()}
    expected = {name: value for name, value in read.items() if name.startswith("@")}
    assert len(expected) == len(VALUES)
    assert settings(text) == expected


def test_a_token_with_a_comment_is_sent_and_hidden_without_it() -> None:
    """Issue 12, number 24."""
    line = r"//npm.corp/:_authToken=se\;cret # of ci"
    right = content_of(line)["npmRegistries"]["//npm.corp"]
    assert right["npmAuthToken"] == "se;cret"
    assert "se;cret" in secrets_in(line)
    assert (
        content_of("registry=https://npm.corp/ ; ours")["npmRegistryServer"] == "https://npm.corp"
    )
