"""Collect the secrets of a release, to be masked in its log."""

from mprelease.domain.projects import ProjectSecret
from mprelease.packages import npmrc
from mprelease.pipeline.run import Job, Machine
from mprelease.platforms.registry import driver_of
from mprelease.process.mask import passwords_in
from mprelease.source.access import Access


def secrets_of(job: Job, machine: Machine) -> tuple[str, ...]:
    """Return all secrets of a release, and those of the machine that a build could print."""
    given = (
        *machine.environment.values(),
        *machine.build_variables.values(),
        machine.npm_registry or "",
        machine.route.proxy or "",
    )
    return (
        *driver_of(job.app.platform).secrets_in(job.credential),
        *access_of(job).secrets,
        *npmrc.secrets_in(job.project_secrets.get(ProjectSecret.NPMRC, "")),
        *(password for text in given for password in passwords_in(text)),
    )


def access_of(job: Job) -> Access:
    """Return the credentials of the release's repository."""
    secrets = job.project_secrets
    return Access(secrets.get(ProjectSecret.GIT_TOKEN), secrets.get(ProjectSecret.SSH_KEY))
