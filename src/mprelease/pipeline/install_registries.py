"""Determine the registries that an install uses, and correct lock files for them."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mprelease.domain.problems import Message
from mprelease.domain.projects import ProjectSecret
from mprelease.packages import (
    lock_files,
    manifests,
    npmrc,
    registries,
    registry_probe,
    yarn_berry,
)
from mprelease.packages.install_plan import Install, ManagerName, manager_settings
from mprelease.packages.registries import Registries, is_retired, place
from mprelease.pipeline.commands import Commands
from mprelease.pipeline.symlinks import refuse_outside
from mprelease.process import plain_files
from mprelease.process.ownership import chown, remove_write_access

_SHOW = ("npm", "config", "list", "--json", "--loglevel=silent")


def registry_overrides(commands: Commands, install: Install) -> dict[str, str]:
    """Return the variables that override retired registries in a project's .npmrc."""
    run = commands.run
    settings = npmrc.settings(manifests.text(install.folder / ".npmrc"))
    retired = {
        name: place(value)
        for name, value in settings.items()
        if (name == "registry" or name.endswith(":registry")) and is_retired(value)
    }
    if not retired:
        return {}
    host = next(iter(retired.values()))
    run.warn(Message("warning.npmrc_retired", {"host": host}))
    run.note("log.npmrc_retired", host=host)
    # Run outside of the project, whose .npmrc has the retired registry.
    found = registries.of_npm(commands.output(_SHOW, commands.place.home), ())
    return manager_settings(**dict.fromkeys(retired, found.default)) if found else {}


def used_registries(
    commands: Commands, install: Install, variables: Mapping[str, str]
) -> Registries | None:
    """Return the registries of an install; None if npm's output cannot be parsed."""
    npmrcs = list(_npmrcs(commands, install))
    if yarn_berry.is_berry(install):
        return _of_yarn_berry(commands, install, npmrcs)
    found = registries.of_npm(commands.output(_SHOW, install.folder, **variables), npmrcs)
    if found and install.manager.name is ManagerName.YARN:
        return registries.of_yarn_1(manifests.text(install.folder / ".yarnrc"), found)
    return found


def silent_registry(
    commands: Commands, install: Install, used: Registries, variables: Mapping[str, str]
) -> str | None:
    """Return the host of a needed registry that does not answer; None if all do."""
    if yarn_berry.is_berry(install) and yarn_berry.names_proxies(install):
        return None  # The probe runs npm, which does not use yarn's proxies.
    addresses = [used.default, *_needed_scopes(install, used)]

    def silent(address: str) -> str | None:
        arguments = registry_probe.probe_command(address)
        errors = commands.tool_error(arguments, registry_probe.PROBE_LIMIT, **variables)
        return registry_probe.silent_host(errors, address)

    with ThreadPoolExecutor(max_workers=_PROBES_AT_ONCE) as threads:
        return next((host for host in threads.map(silent, dict.fromkeys(addresses)) if host), None)


def _needed_scopes(install: Install, used: Registries) -> Iterator[str]:
    manifest = manifests.text(install.folder / "package.json")
    known = manifest + (lock_text(install.lock) if install.lock else "")
    yield from (used.of(f"@{scope}/") for scope in used.scopes if f"@{scope}/" in known)


_PROBES_AT_ONCE = 4


def correct_lock(commands: Commands, install: Install, used: Registries) -> str | None:
    """Change the URLs in an install's copy of a lock file to the registries in use.

    Return its former content if it may work as well: not if it has a retired mirror.
    """
    assert install.lock is not None
    _refuse_elsewhere(commands, install.lock)
    text = lock_text(install.lock)
    correction = lock_files.corrected(install.lock.name, text, used)
    if correction is None:
        return None
    write_lock(commands, install.lock, correction.text)
    run, name = commands.run, str(install.lock.relative_to(commands.place.tree))
    hosts = ", ".join(correction.hosts)
    retired = next((host for host in correction.hosts if is_retired(f"//{host}")), None)
    run.note("log.lock_corrected", name=name, hosts=hosts, registry=used.default)
    if retired:
        run.warn(Message("warning.lock_corrected", {"lock": name, "host": retired}))
    return None if retired else text


def lock_text(lock: Path) -> str:
    """Return the content of a lock file; an empty text if it is too large to be corrected."""
    most = lock_files.LARGEST
    return plain_files.text(lock, encoding="utf-8", errors="surrogateescape", most=most) or ""


def write_lock(commands: Commands, lock: Path, text: str) -> None:
    """Replace an install's lock file; raise StageFailed(LINK_LEADS_OUTSIDE)."""
    _refuse_elsewhere(commands, lock)
    plain_files.write_private(lock, text)
    if commands.user is not None:
        chown(lock, commands.user)


def _refuse_elsewhere(commands: Commands, lock: Path) -> None:
    """Raise StageFailed if an earlier command has placed a link in a lock file's path."""
    if commands.user is not None:
        # Other processes must not place one there either.
        remove_write_access(commands.place.tree)
    refuse_outside(lock, commands.place.tree)


def _npmrcs(commands: Commands, install: Install) -> Iterator[str]:
    yield commands.run.job.project_secrets.get(ProjectSecret.NPMRC, "")
    yield manifests.text(install.folder / ".npmrc")


def _of_yarn_berry(commands: Commands, install: Install, npmrcs: list[str]) -> Registries:
    private = manifests.parsed_yaml(commands.place.home / ".yarnrc.yml")
    own = manifests.parsed_yaml(install.folder / ".yarnrc.yml")
    registry = commands.run.machine.npm_registry
    machine = [{"npmRegistryServer": registry}] if registry else []
    return registries.of_yarn_berry((private, own, *machine), yarn_berry.DEFAULT_REGISTRY, npmrcs)
