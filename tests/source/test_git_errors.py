import errno

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.source.git_errors import disk_full_raised, failure_in

URL = "https://git.example.com/shop.git"
COULD_NOT_READ = """fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists."""

# What git 2.39, curl 7.88 and OpenSSH 9.2 wrote; those of hosts that no test can reach from
# their sources and documentation.
SAMPLES = [
    (
        Problem.GIT_HOST_UNREACHABLE,
        (
            "fatal: unable to access 'http://127.0.0.1:9/x.git/': Failed to connect to 127.0.0.1 "
            "port 9 after 0 ms: Couldn't connect to server"
        ),
    ),
    (
        Problem.GIT_HOST_UNREACHABLE,
        (
            "fatal: unable to access 'https://no-such-host.invalid/x.git/': Could not resolve host"
            ": no-such-host.invalid"
        ),
    ),
    (
        Problem.GIT_HOST_UNREACHABLE,
        f"ssh: connect to host 127.0.0.1 port 9: Connection refused\n{COULD_NOT_READ}",
    ),
    (
        Problem.GIT_HOST_UNREACHABLE,
        (
            "ssh: Could not resolve hostname no-such-host.invalid: Name or service not known\n"
            f"{COULD_NOT_READ}"
        ),
    ),
    (
        Problem.GIT_HOST_UNREACHABLE,
        f"ssh: connect to host 10.255.255.1 port 22: Connection timed out\n{COULD_NOT_READ}",
    ),
    (
        Problem.GIT_HOST_UNREACHABLE,
        f"kex_exchange_identification: Connection closed by remote host\n{COULD_NOT_READ}",
    ),
    (
        Problem.GIT_HOST_UNREACHABLE,
        "fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused",
    ),
    # issue 12, number 31
    *(
        (
            Problem.GIT_CERTIFICATE_REFUSED,
            f"fatal: unable to access 'https://git.example.com/shop.git/': {reason}",
        )
        for reason in (
            "SSL certificate problem: self-signed certificate",
            "SSL certificate problem: unable to get local issuer certificate",
            "SSL certificate problem: certificate has expired",
            "server certificate verification failed. CAfile: none CRLfile: none",
            "SSL: no alternative certificate subject name matches target host name 'x'",
        )
    ),
    (
        Problem.GIT_LOGIN_REFUSED,
        "fatal: could not read Username for 'http://127.0.0.1:8000': terminal prompts disabled",
    ),
    (
        Problem.GIT_LOGIN_REFUSED,
        "fatal: Authentication failed for 'http://127.0.0.1:8000/shop.git/'",
    ),
    (
        Problem.GIT_LOGIN_REFUSED,
        (
            "fatal: unable to access 'http://127.0.0.1:8000/shop.git/': The requested URL returned "
            "error: 403"
        ),
    ),
    (
        Problem.GIT_LOGIN_REFUSED,
        f"root@127.0.0.1: Permission denied (publickey).\n{COULD_NOT_READ}",
    ),
    (
        Problem.GIT_LOGIN_REFUSED,
        (
            'Load key "/data/mirrors/x.access/key": error in libcrypto\n'
            f"root@127.0.0.1: Permission denied (publickey).\n{COULD_NOT_READ}"
        ),
    ),
    (
        Problem.GIT_NOT_A_REPOSITORY,
        f"fatal: '/no/such' does not appear to be a git repository\n{COULD_NOT_READ}",
    ),
    (
        Problem.GIT_NOT_A_REPOSITORY,
        "fatal: repository 'http://127.0.0.1:8000/none.git/' not found",
    ),
    (
        Problem.GIT_NOT_A_REPOSITORY,
        "fatal: http://127.0.0.1:8000/shop/info/refs not valid: is this a git repository?",
    ),
    (Problem.GIT_NOT_A_REPOSITORY, f"ERROR: Repository not found.\n{COULD_NOT_READ}"),
    (Problem.GIT_REF_NOT_FOUND, "fatal: couldn't find remote ref refs/heads/nope"),
    (
        Problem.GIT_REF_NOT_FOUND,
        "fatal: remote error: upload-pack: not our ref 1234567890123456789012345678901234567890",
    ),
    (
        Problem.GIT_REF_NOT_FOUND,
        (
            "error: Server does not allow request for unadvertised object "
            "1234567890123456789012345678901234567890"
        ),
    ),
    (Problem.GIT_PROTOCOL_REFUSED, "fatal: transport 'file' not allowed"),
    (
        Problem.DISK_FULL,
        "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output",
    ),
    (Problem.DISK_FULL, "error: unable to write file assets/film.mp4"),
]


@pytest.mark.parametrize(("problem", "sample"), SAMPLES)
def test_a_known_failure_is_recognised(problem: Problem, sample: str) -> None:
    assert failure_in(sample.splitlines(), URL).problem_detail.problem is problem


def test_an_unreachable_host_is_named() -> None:
    problem_detail = failure_in(
        ["ssh: connect to host x port 22: Connection refused"], URL
    ).problem_detail
    assert problem_detail.parameters == {"repository": URL, "host": "git.example.com"}


def test_an_unknown_failure_hands_on_its_last_grave_line() -> None:
    lines = ["Host key verification failed.", *COULD_NOT_READ.splitlines()]
    problem_detail = failure_in(lines, URL).problem_detail
    assert problem_detail.problem is Problem.GIT_FAILED
    assert problem_detail.parameters["detail"] == "Host key verification failed."


def test_a_failure_without_a_word_is_still_a_failure() -> None:
    assert failure_in([], URL).problem_detail.problem is Problem.GIT_FAILED


def test_a_full_disk_is_told_and_other_errors_of_the_system_are_not_hidden() -> None:
    with pytest.raises(StageFailed) as failed, disk_full_raised():
        raise OSError(errno.ENOSPC, "No space left on device")
    assert failed.value.problem_detail.problem is Problem.DISK_FULL
    with pytest.raises(PermissionError), disk_full_raised():
        raise PermissionError
