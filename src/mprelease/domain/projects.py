"""Projects: one repository with its git access, and the apps that are built from it."""

from dataclasses import dataclass
from enum import StrEnum


class ProjectSecret(StrEnum):
    """What a project may need to reach its repository and its npm registry."""

    GIT_TOKEN = "git_token"  # noqa: S105 the name of a secret, not a secret
    SSH_KEY = "ssh_key"
    NPMRC = "npmrc"


# Those that git sends to the repository's host: they belong to it alone.
GIT_SECRETS = (ProjectSecret.GIT_TOKEN, ProjectSecret.SSH_KEY)


@dataclass(frozen=True)
class Project:
    """A project as it is stored, without its secrets; `revision` counts its changes."""

    id: int
    name: str
    repository: str
    default_branch: str
    revision: int = 0
