"""Projects: one repository with its credentials, and the apps built from it."""

from dataclasses import dataclass
from enum import StrEnum


class ProjectSecret(StrEnum):
    """Secrets with which a project accesses its repository and its npm registry."""

    GIT_TOKEN = "git_token"  # noqa: S105 the name of a secret, not a secret
    SSH_KEY = "ssh_key"
    NPMRC = "npmrc"


# Secrets that git sends to the repository's host; they are bound to that host.
GIT_SECRETS = (ProjectSecret.GIT_TOKEN, ProjectSecret.SSH_KEY)


@dataclass(frozen=True)
class Project:
    """A project as it is stored, without its secrets; each change increments `revision`."""

    id: int
    name: str
    repository: str
    default_branch: str
    revision: int = 0
