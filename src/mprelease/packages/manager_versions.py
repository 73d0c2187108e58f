"""Which version of a package manager accepts a lock file and runs on the app's Node."""

import re
from collections.abc import Mapping, Sequence

from mprelease.domain.node_versions import numbers
from mprelease.packages import manifests
from mprelease.packages.node_choice import satisfies

YARN = "1.22.22"
"""The last version of yarn 1, which runs on every Node."""


def pnpm_for(lock: str, node: str) -> str:
    """Return the version of pnpm for the beginning of a lock file, empty without one."""
    match = _PNPM_FORMAT.search(lock)
    return _version(_PNPM_BY_LOCK.get(match[1] if match else "", _PNPM), node)


def berry_for(lock: str, node: str) -> str | None:
    """Return the version of yarn >= 2 for the beginning of its lock file; None for yarn 1."""
    match = _BERRY_FORMAT.search(lock)
    return _version(_BERRY_BY_LOCK.get(match[1], _BERRY), node) if match else None


def npm_for(lock: str, node: str) -> str | None:
    """Return the version of npm for the beginning of a lock file; None for the one beside Node.

    npm 6, which belongs to Node 14 and older, cannot read the format 3 of its successors.
    """
    match = _NPM_FORMAT.search(lock)
    is_new = match is not None and int(match[1]) > _NEWEST_LOCK_OF_NPM_6
    return _NPM_FOR_OLD_NODE if is_new and numbers(node) < _FIRST_NODE_AFTER_NPM_6 else None


def npm_beside(node: str) -> str:
    """Return the range of npm that belongs to a Node, whose package has none."""
    major = numbers(node)[0]
    return next((each for newest, each in _NPM_BY_NODE if major <= newest), "*")


def npm_variables(npm: str, folder: str) -> Mapping[str, str]:
    """Return the environment variables of old versions of npm for a Node installed in `folder`."""
    variables = {}
    if numbers(npm) < _FIRST_NPM_FOR_ROOT:
        # As root it would run scripts under another user id.
        variables["npm_config_unsafe_perm"] = "true"
    if numbers(npm) < _FIRST_NPM_AGAINST_NODEDIR:
        # Native packages are compiled with these headers, not with those of nodejs.org.
        variables["npm_config_nodedir"] = folder
    return variables


def unfit_node(name: str, version: str, engines: str, node: str) -> str | None:
    """Return the Node that a package manager needs, if `node` is none; None if it runs there.

    `engines` is the range in the manager's own package.json.
    """
    if engines and not satisfies(node, engines):
        return engines
    if name == "pnpm" and numbers(node) >= _NODE_WITHOUT_OLD_PNPM and satisfies(version, _OLD_PNPM):
        return f"<{_NODE_WITHOUT_OLD_PNPM[0]}"
    return None


def engines_of(manifest: Mapping[str, object]) -> str:
    """Return `engines.node` of a package.json; empty without one."""
    return str(manifests.section(manifest, "engines").get("node") or "")


_Candidates = Sequence[tuple[str, tuple[int, ...]]]

# The newest versions that accept lock files of a format unchanged, each with the oldest Node that
# runs it (measured with the versions on npm of 2026-11): other formats are refused or rewritten.
_PNPM_5: _Candidates = (("7.33.7", (14, 6)), ("6.35.1", (12, 17)))
_PNPM_6: _Candidates = (("8.15.9", (16, 14)),)
_PNPM_9: _Candidates = (("10.34.9", (18, 12)),)
_PNPM_BY_LOCK: Mapping[str, _Candidates] = {"5": _PNPM_5, "6": _PNPM_6, "9": _PNPM_9}
_PNPM: _Candidates = (*_PNPM_9, *_PNPM_6, *_PNPM_5)
_BERRY_BY_LOCK: Mapping[str, _Candidates] = {
    "4": (("2.4.2", (10, 19)),),
    "5": (("3.8.7", (12,)),),
    "6": (("3.8.7", (12,)),),
    "8": (("4.13.0", (18, 12)),),
    "9": (("4.14.1", (18, 12)),),
    "10": (("4.18.1", (18, 12)),),
}
_BERRY = _BERRY_BY_LOCK["10"]
_NPM_BY_NODE = ((14, "<7"), (17, "<9"), (19, "<11"))
_FIRST_NPM_FOR_ROOT = (7,)
# It warns of variables that it does not know itself.
_FIRST_NPM_AGAINST_NODEDIR = (11,)
_NPM_FOR_OLD_NODE = "8.19.4"
_NEWEST_LOCK_OF_NPM_6 = 2
_FIRST_NODE_AFTER_NPM_6 = (15,)

# They end every download with ERR_INVALID_THIS (measured).
_OLD_PNPM = "<7.32.2 || >=8.0.0 <8.3.1"
_NODE_WITHOUT_OLD_PNPM = (20,)

_PNPM_FORMAT = re.compile(r"""^["']?lockfileVersion["']? *: *["']?(\d+)""", re.MULTILINE)
_BERRY_FORMAT = re.compile(r"^__metadata:\s+version: *(\d+)", re.MULTILINE)
_NPM_FORMAT = re.compile(r'"lockfileVersion"\s*:\s*(\d{1,4})')


def _version(candidates: _Candidates, node: str) -> str:
    """Return the first version that runs on a Node; the first of all if none does."""
    fitting = (version for version, oldest in candidates if numbers(node) >= oldest)
    return next(fitting, candidates[0][0])
