"""Install hooks: scripts of package.json that run at an install, and the inputs of known ones."""

import re
import shlex
from collections.abc import Iterator, Mapping

from mprelease.packages import manifests

NAMES = frozenset(
    {"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"}
    | {"pnpm:devPreinstall", "dependencies", "predependencies", "postdependencies"}
)
"""The scripts of package.json that npm, pnpm or yarn run during an install."""

# Program -> its inputs besides manifests and installed packages, relative to the package.json.
_KNOWN: Mapping[str, tuple[str, ...]] = {
    ":": (),
    "echo": (),
    "exit": (),
    "true": (),
    "test": (),
    "[": (),
    "cd": (),
    "is-ci": (),
    # An install runs in its own empty git repository, which is removed afterwards.
    "git init": (),
    "git config": (),
    "git rev-parse": (),
    "only-allow": (),
    "husky": (".huskyrc*", ".husky/*"),
    "patch-package": ("*.patch",),
    "pnpm-patch-package": ("*.patch",),
    "simple-git-hooks": (".simple-git-hooks.*", "simple-git-hooks.*"),
    "lefthook": ("lefthook.*", ".lefthook.*"),
    "weapp-tw": (),
    "weapp-tailwindcss": (),
    "prisma": ("*.prisma", "prisma/*", ".env", "prisma.config.*"),
}
# husky refuses a folder of hooks that is not below its working directory.
_READING = frozenset(name for name, patterns in _KNOWN.items() if patterns) - {"husky"}
# Packages whose install scripts read files of the project.
_READ_BY_DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    "@prisma/client": ("*.prisma", "prisma/*", ".env", "prisma.config.*"),
}
_RUNNERS = (
    ("npx",),
    ("npm", "exec"),
    ("pnpm", "exec"),
    ("pnpm", "dlx"),
    ("yarn", "exec"),
    ("yarn",),
)
_MANAGERS = frozenset({"npm", "pnpm", "yarn", "cnpm"})
_INSTALLING = frozenset({"ci", "i", "install", "clean-install"})
_BETWEEN_COMMANDS = re.compile(r"&&|\|\||;")
# Characters of a command or a whole hook; longer ones are not parsed, because that takes too long.
_LONGEST = 2000
_SUBSTITUTION = re.compile(r"[`$<>|&(){}\n]")


def unknown(manifest: Mapping[str, object]) -> str:
    """Return the first hook of a package.json with unknown inputs; empty if there is none."""
    return next((script for script in _scripts(manifest) if not _is_known(script)), "")


def inputs(manifest: Mapping[str, object]) -> Iterator[str]:
    """Yield patterns of the inputs of known hooks, relative to the folder of the package.json."""
    for script in _scripts(manifest):
        for command in _BETWEEN_COMMANDS.split(script[:_LONGEST]):
            yield from _KNOWN.get(_program(command) or "", ())
    for section in ("dependencies", "devDependencies"):
        for name in manifests.section(manifest, section):
            yield from _READ_BY_DEPENDENCIES.get(name, ())


def only_installs(line: str) -> bool:
    """Return whether a shell command consists of installs by package managers only."""
    return all(_is_install(command) for command in _BETWEEN_COMMANDS.split(line))


def _scripts(manifest: Mapping[str, object]) -> Iterator[str]:
    scripts = manifests.section(manifest, "scripts")
    return (str(scripts[name]) for name in sorted(NAMES & scripts.keys()))


def _is_known(script: str) -> bool:
    if len(script) > _LONGEST:
        return False
    programs = [_program(command) for command in _BETWEEN_COMMANDS.split(script)]
    # Inputs in other folders (`..`) are not covered by the patterns.
    elsewhere = ".." in script and not _READING.isdisjoint(programs)
    return all(program in _KNOWN for program in programs) and not elsewhere


def _program(command: str) -> str | None:
    """Return the program of a simple command; None for any other shell syntax."""
    words = _words(command)
    for runner in _RUNNERS:
        if tuple(words[: len(runner)]) == runner:
            words = [word for word in words[len(runner) :] if word not in {"--", "-y", "--yes"}]
            break
    return " ".join(words[: 2 if words[:1] == ["git"] else 1]) or None


def _is_install(command: str) -> bool:
    words = _words(command)
    if words[:2] == ["corepack", "enable"]:
        return True
    if not words or words[0] not in _MANAGERS:
        return False
    named = [word for word in words[1:] if not word.startswith("-")]
    return (named == [] and words[0] == "yarn") or (len(named) == 1 and named[0] in _INSTALLING)


def _words(command: str) -> list[str]:
    if len(command) > _LONGEST or _SUBSTITUTION.search(command):
        return []
    try:
        return shlex.split(command)
    except ValueError:
        return []
