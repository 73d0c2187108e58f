"""Recognise known failures of installs and builds in the output of their tools."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mprelease.domain.problems import Parameter, Problem, ProblemDetail
from mprelease.domain.releases import Stage
from mprelease.packages.registries import RETIRED_HOSTS


def diagnose(
    lines: Sequence[str], exit_code: int, stage: Stage, folder: Path
) -> ProblemDetail | None:
    """Return the problem in the last lines of a failed command; None if no pattern matches.

    `folder` is the release's tree, whose path is removed from the texts. A build may have failed
    with exit code 0, if its output is missing.
    """
    if exit_code == _KILLED:
        return ProblemDetail(Problem.KILLED_BY_SYSTEM)
    text = _readable(lines, folder)
    for problem, pattern in (*_ANYWHERE, *_IN_STAGE.get(stage, ())):
        if found := re.search(pattern, text, re.MULTILINE):
            return ProblemDetail(problem, _parameters(found))
    return None


_KILLED = 128 + 9
_LONGEST_LINE = 300
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

# npm up to version 9 writes "npm ERR!".
_NPM = r"^npm (?:ERR!|error)"
_SCRIPT_FAILED = rf"{_NPM} command sh -c|ELIFECYCLE|Command failed(?:\.$| with exit)|YN0009"
# The package of an import: `lodash` of `lodash/fp`. A path (`./x`, `@/x`, `/x`) is none.
_PACKAGE = r"(?P<name>(?:@[\w.-]+/)?\w[\w.-]*)(?:/[^'\"\s]*)?"
_FILE = r"(?P<file>[^\s?:()]+)(?:\?\S*)?"
_LINE = r"(?P<line>\d+)"
_DETAIL = r"(?P<detail>.+?)"
_HOST = rf"(?P<host>{RETIRED_HOSTS})"

_Table = tuple[tuple[Problem, str], ...]

# Builds can write any text: no pattern may take more than quadratic time in a line's length.
# The first match is the answer: certain failures are listed before likely ones.
_ANYWHERE: _Table = (
    (Problem.NODE_OUT_OF_MEMORY, r"JavaScript heap out of memory"),
    (Problem.DISK_FULL, r"(?i:no space left on device|disk quota exceeded)"),
    (Problem.KILLED_BY_SYSTEM, r"^Killed$"),
    (Problem.OLD_WEBPACK_NEW_NODE, r"ERR_OSSL_EVP_UNSUPPORTED"),
    (Problem.OLD_WEBPACK_NEW_NODE, r"digital envelope routines::unsupported"),
    (
        Problem.COMMAND_NOT_FOUND,
        r"^\s*\S*sh: (?:(?:line )?\d+: )?(?P<name>[^\s:]+): (?:command )?not found$",
    ),
    (Problem.COMMAND_NOT_FOUND, r"\bspawn (?P<name>[\w@.-]+) ENOENT"),
    (Problem.COMMAND_NOT_FOUND, rf'{_NPM} Missing script: "(?P<name>[^"]+)"'),
    (Problem.DEPENDENCY_MISSING, rf"Cannot find (?:module|package) ['\"]{_PACKAGE}['\"]"),
    # webpack under vue-cli and under Taro
    (Problem.DEPENDENCY_MISSING, rf"(?:Can't resolve|^resolve) ['\"]{_PACKAGE}['\"]"),
    (Problem.DEPENDENCY_MISSING, rf"(?i:failed to resolve import) ['\"]{_PACKAGE}['\"]"),
    (Problem.DEPENDENCY_MISSING, rf"Preprocessor dependency ['\"]{_PACKAGE}['\"] not found"),
    (
        Problem.DEPENDENCY_MISSING,
        rf"dependenc(?:y was|ies were) not found:\n+\* {_PACKAGE} in ",
    ),
)

_IN_STAGE: Mapping[Stage, _Table] = {
    Stage.INSTALL: (
        (Problem.LOCK_FILE_RETIRED_MIRROR, rf"//{_HOST}/.*(?:failed|ECONN|ETIMEDOUT|ENOTFOUND)"),
        (Problem.LOCK_FILE_RETIRED_MIRROR, rf"(?:ENOTFOUND|EAI_AGAIN) {_HOST}"),
        (Problem.LOCK_FILE_REFUSED, r"can only install (?:packages )?(?:when|with)"),
        (Problem.LOCK_FILE_REFUSED, r"Your lockfile needs to be updated|YN0028"),
        (
            Problem.LOCK_FILE_REFUSED,
            r"ERR_PNPM_(?:OUTDATED_LOCKFILE|LOCKFILE_|FROZEN_LOCKFILE_WITH_OUTDATED)",
        ),
        (
            Problem.PEER_DEPENDENCY_CONFLICT,
            rf"{_NPM} Could not resolve dependency:\n{_NPM} .*\bfrom (?P<package>\S+)$",
        ),
        (Problem.PACKAGE_NOT_FOUND, rf"{_NPM} 404 [^'\n]*'(?P<name>[^'\n]+)'"),
        (Problem.PACKAGE_NOT_FOUND, r"No matching version found for (?P<name>\S+?)\.?(?: |$)"),
        (Problem.PACKAGE_NOT_FOUND, r"^(?P<name>\S+) is not in the npm registry"),
        (
            Problem.PACKAGE_NOT_FOUND,
            r"error .*?://[^\s\"]*?/(?P<name>(?:@[^/\s]+/)?[^/\s]+): (?i:not.found)",
        ),
        # pnpm and yarn 1, for a version that the lock file names and the registry does not have
        (Problem.PACKAGE_NOT_FOUND, r"://\S*/(?P<name>[^/\s]+\.tgz): [^\n]*\b404\b"),
        (Problem.PACKAGE_NOT_FOUND, r"YN0035: . (?P<name>\S+?)(?:@npm:\S*)?: Package not found"),
        # npm, pnpm, yarn 1 (with an empty cache, and with one), yarn >= 2
        (
            Problem.PACKAGE_CHANGED,
            (
                r"\A(?=(?s:.*)EINTEGRITY)(?s:.*?)"
                r"tarball data for (?P<name>@?[^@\s]+)@[^\n]* seems to be corrupted"
            ),
        ),
        (
            Problem.PACKAGE_CHANGED,
            r"ERR_PNPM_TARBALL_INTEGRITY  Got unexpected \w+ for \"\S*/(?P<name>[^/\s]+\.tgz)\"",
        ),
        (
            Problem.PACKAGE_CHANGED,
            (
                r"(?:Integrity check failed|Incorrect integrity when fetching from the cache) "
                r"for \"(?P<name>[^\"]+)\""
            ),
        ),
        (Problem.PACKAGE_CHANGED, r"YN0018: \S* ?(?P<name>\S+?)@npm:\S*: The remote archive"),
        # npm and pnpm; yarn 1; yarn >= 2, which refuses without a request
        (
            Problem.GIT_DEPENDENCY_REFUSED,
            r"^.*\bgit [^\n]*?(?P<address>(?:git\+)?(?:ssh://|git@)[^\s\"']+)",
        ),
        (
            Problem.GIT_DEPENDENCY_REFUSED,
            r"^Command: git\nArguments: [^\n]*?(?P<address>(?:ssh://|git@)[^\s\"']+)",
        ),
        (
            Problem.GIT_DEPENDENCY_REFUSED,
            r"YN0080: [^\n]*Request to '(?P<address>(?:ssh://|git@)[^\s']+)'",
        ),
        (
            Problem.NPMRC_VARIABLE_UNSET,
            r"error Error: Failed to replace env in config: \$\{(?P<name>\w+)\}",
        ),
        (
            Problem.NPMRC_VARIABLE_UNSET,
            r"Usage Error: Environment variable not found \((?P<name>\w+)\)",
        ),
        # npm, pnpm, yarn 1
        (
            Problem.ENGINE_REFUSED,
            (
                rf"{_NPM} notsup Required: +\{{(?P<wanted>.+)\}}\n"
                rf"{_NPM} notsup Actual: +\{{(?P<actual>.+)\}}"
            ),
        ),
        (
            Problem.ENGINE_REFUSED,
            (
                r"ERR_PNPM_UNSUPPORTED_ENGINE(?:.*\n)*?"
                r"Expected version: (?P<wanted>.+)\nGot: (?P<actual>.+)$"
            ),
        ),
        (
            Problem.ENGINE_REFUSED,
            (
                r'The engine "\w+" is incompatible with this module\. '
                r'Expected version "(?P<wanted>[^"]+)"\. Got "(?P<actual>[^"]+)"'
            ),
        ),
        # npm, pnpm, yarn 1 and yarn >= 2, for scripts of the project and of its dependencies
        (
            Problem.DOWNLOAD_UNREACHABLE,
            (
                rf"\A(?=(?s:.*)(?:{_SCRIPT_FAILED}))(?s:.*?)"
                r"(?:request to \w+://|(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT) )"
                r"(?P<host>[\w.:\[\]-]+)"
            ),
        ),
        (Problem.REGISTRY_UNREACHABLE, r"request to \w+://(?P<host>[^/\s]+)/\S* failed, reason"),
        (Problem.REGISTRY_UNREACHABLE, r"network timeout at: \w+://(?P<host>[^/\s]+)"),
        # yarn 1, if the download of a package times out
        (
            Problem.REGISTRY_UNREACHABLE,
            r"^error .*?://(?P<host>[^/\s]+)/\S*: E(?:SOCKET)?TIMEDOUT",
        ),
        (
            Problem.REGISTRY_UNREACHABLE,
            r"(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT) (?P<host>[\w.:\[\]-]+)",
        ),
    ),
    Stage.BUILD: (
        # Node, and programs of the shell, on an attempt to write to a sealed dependency set
        (
            Problem.DEPENDENCIES_READ_ONLY,
            r"\b(?:EROFS|EACCES|EPERM)\b[^\n]*?'(?P<path>[^'\n]*\bnode_modules/[^'\n]+)'",
        ),
        (
            Problem.DEPENDENCIES_READ_ONLY,
            (
                r"\bcannot \w[^\n]*?(?<![^\s'‘\"])"
                r"(?P<path>[^\s'‘\"]*?\bnode_modules/[^\s'’\":]++)\S*: "
                r"(?:Read-only file system|Permission denied)"
            ),
        ),
        (
            Problem.DEPENDENCIES_READ_ONLY,
            (
                r"(?<![^\s'‘\"(])(?P<path>[^\s'‘\"(]*?\bnode_modules/[^\s'’\":]++)"
                r"[^\n]*\bRead-only file system"
            ),
        ),
        # esbuild
        (Problem.SOURCE_SYNTAX_ERROR, rf"^{_FILE}:{_LINE}:\d+: ERROR: {_DETAIL}$"),
        # Vue's compiler under vite, for a template and for a script
        (
            Problem.SOURCE_SYNTAX_ERROR,
            rf"SyntaxError: \[plugin [\w:-]+\] {_FILE} \({_LINE}:\d+\): {_DETAIL}$",
        ),
        (
            Problem.SOURCE_SYNTAX_ERROR,
            rf"Error: (?:\[\S+\] )+{_DETAIL}(?: \(\S+\))?\n(?:.*\n){{0,30}}?file: {_FILE}:{_LINE}:",
        ),
        # Babel under webpack, and the same as vue-cli prints it
        (Problem.SOURCE_SYNTAX_ERROR, rf"SyntaxError: {_FILE}: {_DETAIL} \({_LINE}:\d+\)$"),
        (
            Problem.SOURCE_SYNTAX_ERROR,
            rf"^ *error +in {_FILE}\s+Syntax Error: (?:SyntaxError: )?{_DETAIL} \({_LINE}:\d+\)$",
        ),
        # Node itself, as in a broken vite.config.js
        (
            Problem.SOURCE_SYNTAX_ERROR,
            rf"^{_FILE}:{_LINE}\n.*\n *\^+\n+SyntaxError: {_DETAIL}$",
        ),
        # TypeScript, plain and coloured
        (Problem.SOURCE_SYNTAX_ERROR, rf"^{_FILE}\({_LINE},\d+\): error {_DETAIL}$"),
        (Problem.SOURCE_SYNTAX_ERROR, rf"^{_FILE}:{_LINE}:\d+ - error {_DETAIL}$"),
    ),
}


def _readable(lines: Sequence[str], folder: Path) -> str:
    text = "\n".join(_ANSI.sub("", line)[:_LONGEST_LINE].rstrip() for line in lines)
    return text.replace(f"file://{folder}/", "./").replace(f"{folder}/", "./")


def _parameters(found: re.Match[str]) -> Mapping[str, Parameter]:
    return {
        name: int(text) if name == "line" else text.removeprefix("./")
        for name, text in found.groupdict().items()
    }
