"""The HTTP status of each problem; 422 for those that are not listed."""

from collections.abc import Mapping

from mprelease.domain.problems import Problem

UNUSABLE = 422
_STATUS: Mapping[Problem, int] = {
    Problem.LOGIN_NEEDED: 401,
    Problem.LOGIN_WRONG: 401,
    Problem.FORBIDDEN: 403,
    Problem.FORM_OUTDATED: 403,
    Problem.SUPER_ADMIN_STAYS: 403,
    Problem.NOT_YOURSELF: 403,
    Problem.PAGE_UNKNOWN: 404,
    Problem.APP_UNKNOWN: 404,
    Problem.PROJECT_UNKNOWN: 404,
    Problem.RELEASE_UNKNOWN: 404,
    Problem.NO_QR_CODE: 404,
    Problem.USER_UNKNOWN: 404,
    Problem.WORKER_UNKNOWN: 404,
    Problem.METHOD_UNKNOWN: 405,
    # The request is valid, but conflicts with the present state.
    Problem.PROJECT_EXISTS: 409,
    Problem.PROJECT_HAS_APPS: 409,
    Problem.APP_EXISTS: 409,
    Problem.USER_EXISTS: 409,
    Problem.RELEASE_BUSY: 409,
    Problem.CHANGED_MEANWHILE: 409,
    Problem.CANCEL_TOO_LATE: 409,
    Problem.RELEASE_UNFINISHED: 409,
    Problem.RELEASE_NOT_UNKNOWN: 409,
    Problem.RELEASE_NOT_UPLOADED: 409,
    Problem.NOTHING_TO_FINISH: 409,
    Problem.TRIAL_REPORTED: 409,
    Problem.TRIAL_NOT_REPORTED: 409,
    Problem.VERSION_NOT_GREATER: 409,
    Problem.BODY_TOO_LARGE: 413,
    Problem.LOGIN_TOO_OFTEN: 429,
    Problem.PASSWORD_TOO_OFTEN: 429,
    Problem.INTERNAL: 500,
    # Temporary.
    Problem.DATABASE_UNUSABLE: 503,
    Problem.DATABASE_BUSY: 503,
    Problem.NO_WORKER: 503,
    Problem.NO_ANSWER: 503,
    Problem.TOO_MANY_QUERIES: 503,
    Problem.PICTURES_BUSY: 503,
}


def status_of(problem: Problem) -> int:
    """Return the HTTP status for a problem."""
    return _STATUS.get(problem, UNUSABLE)
