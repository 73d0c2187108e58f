"""Every expected problem, by its identifier.

The catalogs in `i18n` hold two sentences for each: `problem.<name>` for what happened and
`remedy.<name>` for what to do. A test fails when one is missing in either language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto


class Problem(StrEnum):
    """A problem, as it is stored and as the catalogs identify it."""

    # Invalid requests.
    PROJECT_UNKNOWN = auto()
    PROJECT_EXISTS = auto()
    PROJECT_HAS_APPS = auto()
    PROJECT_HAS_NO_APPS = auto()
    APP_OR_PROJECT = auto()
    ONE_QR_CODE = auto()
    APP_UNKNOWN = auto()
    APP_EXISTS = auto()
    RELEASE_UNKNOWN = auto()
    CANCEL_TOO_LATE = auto()
    NO_QR_CODE = auto()
    QR_CODE_NOT_FETCHED = auto()
    RELEASE_BUSY = auto()
    RELEASE_UNFINISHED = auto()
    RELEASE_NOT_UNKNOWN = auto()
    RELEASE_NOT_UPLOADED = auto()
    NOTHING_TO_FINISH = auto()
    TRIAL_REPORTED = auto()
    TRIAL_NOT_REPORTED = auto()
    NAME_SHAPE = auto()
    NAME_MIXED = auto()
    LABEL_SHAPE = auto()
    PRIORITY_RANGE = auto()
    PLATFORM_NOT_SERVED = auto()
    APP_ID_SHAPE = auto()
    APP_ID_OF_OTHER_PLATFORM = auto()
    ROBOT_RANGE = auto()
    ROBOT_NAMES_SHAPE = auto()
    ROBOT_NAMED_TWICE = auto()
    ROBOT_RULES_SHAPE = auto()
    SIZE_BUDGETS_SHAPE = auto()
    VERSION_SHAPE = auto()
    VERSION_NOT_GREATER = auto()
    REF_SHAPE = auto()
    PAGE_SHAPE = auto()
    QUERY_SHAPE = auto()
    SCENE_SHAPE = auto()
    DESCRIPTION_TOO_LONG = auto()
    DIRECTORY_SHAPE = auto()
    SETTING_SHAPE = auto()
    SETTING_UNKNOWN = auto()
    SETTING_VALUE = auto()
    NODE_SHAPE = auto()
    MEMORY_RANGE = auto()
    PROXY_SHAPE = auto()
    REPOSITORY_SHAPE = auto()
    REPOSITORY_MEANT = auto()
    FILE_UNREADABLE = auto()
    BACKUP_UNUSABLE = auto()
    BACKUP_OF_NEWER_VERSION = auto()
    RESTORE_NOT_EMPTY = auto()
    FILE_UNWRITABLE = auto()
    OUTPUT_UNWRITABLE = auto()
    NOT_TEXT = auto()
    KEY_SHAPE = auto()
    CREDENTIAL_OF_OTHER_PLATFORM = auto()
    NOT_CONFIGURED = auto()
    MASTER_KEY_WRONG = auto()
    SERVER_SAYS = auto()
    SERVER_UNREACHABLE = auto()
    SERVER_IS_ANOTHER = auto()
    SERVER_LOST = auto()
    SERVER_TOKEN_MISSING = auto()
    SERVER_TOKEN_REFUSED = auto()
    WORKS_ON_SERVER = auto()
    DATA_FOLDER_UNUSABLE = auto()
    DATABASE_UNUSABLE = auto()
    OLDER_NODES_ALIVE = auto()
    DATABASE_BUSY = auto()
    DATABASE_ADDRESS = auto()
    DATABASE_MIGRATING = auto()
    NOTHING_TO_CHANGE = auto()
    CHANGED_MEANWHILE = auto()
    DATA_FOLDER_OWNED = auto()
    WORKER_UNKNOWN = auto()
    NO_WORKER = auto()
    NO_ANSWER = auto()
    TOO_MANY_QUERIES = auto()
    ADDRESS_PAGE_MISSING = auto()
    ADDRESS_UNKNOWN = auto()

    # Users, login and HTTP requests.
    USER_UNKNOWN = auto()
    USER_EXISTS = auto()
    PICTURE_UNUSABLE = auto()
    PICTURES_BUSY = auto()
    SUPER_ADMIN_STAYS = auto()
    NOT_YOURSELF = auto()
    ROLE_NOT_GRANTED = auto()
    PASSWORD_SHORT = auto()
    PASSWORD_WRONG = auto()
    PASSWORD_TOO_OFTEN = auto()
    LOGIN_WRONG = auto()
    LOGIN_TOO_OFTEN = auto()
    LOGIN_NEEDED = auto()
    FORBIDDEN = auto()
    FORM_OUTDATED = auto()
    PAGE_UNKNOWN = auto()
    METHOD_UNKNOWN = auto()
    FIELD_UNUSABLE = auto()
    VALUE_UNUSABLE = auto()
    BODY_TOO_LARGE = auto()
    TOKEN_LIFETIME = auto()

    # Missing tools of a machine.
    TOOL_MISSING = auto()
    TOOL_TOO_OLD = auto()
    TOOL_INSTALL_FAILED = auto()
    SANDBOX_MISSING = auto()
    BUILD_UIDS_UNUSABLE = auto()

    # Checkout.
    GIT_HOST_UNREACHABLE = auto()
    GIT_CERTIFICATE_REFUSED = auto()
    GIT_HOST_SILENT = auto()
    SUBMODULES_TOO_DEEP = auto()
    COMMIT_MALFORMED = auto()
    GIT_LOGIN_REFUSED = auto()
    GIT_NOT_A_REPOSITORY = auto()
    GIT_REF_NOT_FOUND = auto()
    GIT_PROTOCOL_REFUSED = auto()
    SUBMODULE_TOO_FAR = auto()
    REPOSITORY_IN_DATA_FOLDER = auto()
    GIT_FAILED = auto()

    # Install and build.
    NODE_VERSION_UNKNOWN = auto()
    TOO_MANY_NODE_VERSIONS = auto()
    ARCHIVE_UNUSABLE = auto()
    PACKAGE_MANAGER_UNKNOWN = auto()
    MANAGER_NEEDS_NODE = auto()
    LOCK_FILE_RETIRED_MIRROR = auto()
    LOCK_FILE_REFUSED = auto()
    PEER_DEPENDENCY_CONFLICT = auto()
    REGISTRY_UNREACHABLE = auto()
    DOWNLOAD_UNREACHABLE = auto()
    PACKAGE_NOT_FOUND = auto()
    PACKAGE_CHANGED = auto()
    GIT_DEPENDENCY_REFUSED = auto()
    NPMRC_VARIABLE_UNSET = auto()
    ENGINE_REFUSED = auto()
    INSTALL_FAILED = auto()
    INSTALL_NOT_ITS_OWN = auto()
    DEPENDENCIES_READ_ONLY = auto()
    DEPENDENCY_MISSING = auto()
    COMMAND_NOT_FOUND = auto()
    OLD_WEBPACK_NEW_NODE = auto()
    NODE_OUT_OF_MEMORY = auto()
    KILLED_BY_SYSTEM = auto()
    PROCESS_LIMIT = auto()
    MEMORY_LIMIT = auto()
    DISK_LIMIT = auto()
    LOG_LIMIT = auto()
    DISK_FULL = auto()
    BUILD_FAILED = auto()
    BUILD_COMMAND_UNKNOWN = auto()
    HBUILDERX_PROJECT = auto()
    CONFIG_NOT_JSON = auto()
    BUILD_COMMAND_MISSING = auto()
    OUTPUT_UNKNOWN = auto()
    OUTPUT_MISSING = auto()
    OUTPUT_ELSEWHERE = auto()
    OUTPUT_NOT_A_MINI_PROGRAM = auto()
    OUTPUT_OF_OTHER_PLATFORM = auto()
    TYPE_NOT_SERVED = auto()
    LINK_LEADS_OUTSIDE = auto()
    FOLDERS_TOO_DEEP = auto()
    COMMIT_TOO_LARGE = auto()
    LINKS_ENDLESS = auto()
    PACKAGES_ENDLESS = auto()
    LARGE_FILES_MISSING = auto()
    DIRECTORY_MISSING = auto()

    # Publish.
    IP_NOT_LISTED = auto()
    KEY_REFUSED = auto()
    KEY_UNREADABLE = auto()
    TOKEN_REFUSED = auto()
    LOGIN_REFUSED = auto()
    PLATFORM_APP_ID_UNKNOWN = auto()
    APP_NOT_CONFIGURED = auto()
    VERSION_LIMIT = auto()
    PACKAGE_TOO_LARGE = auto()
    PAGE_MISSING = auto()
    START_PAGE_UNKNOWN = auto()
    SOURCE_SYNTAX_ERROR = auto()
    PLATFORM_UNREACHABLE = auto()
    PLATFORM_REFUSED = auto()
    PLATFORM_BUILD_FAILED = auto()
    PLATFORM_BUILD_UNFINISHED = auto()
    PUBLISH_FAILED = auto()
    PUBLISH_EVENT_UNREADABLE = auto()
    QR_CODE_UNREADABLE = auto()
    PROJECT_PATH_OUTSIDE = auto()
    PUBLISH_TOO_LATE = auto()
    PUBLISH_CUT = auto()

    # Any stage.
    TIME_LIMIT = auto()
    TOOL_PACKAGE_LIMIT = auto()
    RELEASE_TIME_LIMIT = auto()
    SUPERSEDED = auto()
    WORKER_DIED = auto()
    ATTEMPTS_USED_UP = auto()
    INTERNAL = auto()


Parameter = str | int


@dataclass(frozen=True)
class Message:
    """A message independent of the language: an id of the catalogs and its parameters."""

    id: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True)
class ProblemDetail:
    """A problem with its parameters, as it is stored and shown.

    `app` names the app that it concerns in a request for several apps.
    """

    problem: Problem
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    app: str | None = None

    @property
    def message(self) -> Message:
        """Return the message that states what happened."""
        return Message(f"problem.{self.problem}", self.parameters)

    @property
    def remedy(self) -> Message:
        """Return the message that states what to do."""
        return Message(f"remedy.{self.problem}", self.parameters)
