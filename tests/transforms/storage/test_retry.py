import errno

import pytest

from indexed_imagenet.transforms.storage.retry import (
    MAX_CONSECUTIVE_FAILURES,
    RetryPolicy,
    is_transient_local,
    is_transient_remote,
)

BUSY = OSError(errno.EBUSY, 'busy')
GONE = FileNotFoundError(errno.ENOENT, 'gone')


def reader(*answers):
    """Returns a function that raises or returns each answer in turn."""
    remaining = iter(answers)

    def read():
        answer = next(remaining)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return read


@pytest.mark.parametrize(
    ('answers', 'expected', 'expected_pauses'),
    [
        ([b'x'], b'x', []),
        ([BUSY, b'x'], b'x', [0.2]),
        ([BUSY, BUSY, BUSY, b'x'], b'x', [0.2, 1, 4]),
        ([BUSY, BUSY, BUSY, BUSY], BUSY, [0.2, 1, 4]),
        ([GONE], GONE, []),
        ([BUSY, GONE], GONE, [0.2]),
    ],
)
def test_read_retries_transient_errors_only(pauses, answers, expected, expected_pauses):
    policy = RetryPolicy(is_transient_local)
    assert policy.read(reader(*answers)) == expected
    assert pauses == expected_pauses


def test_read_other_exception_is_raised(pauses):
    with pytest.raises(KeyError):
        RetryPolicy(is_transient_local).read(reader(KeyError()))
    assert not pauses


def test_read_after_too_many_failures_is_not_retried_until_a_success(pauses):
    policy = RetryPolicy(is_transient_local)
    for _ in range(MAX_CONSECUTIVE_FAILURES):
        assert policy.read(reader(*[BUSY] * 4)) is BUSY
    pauses.clear()
    assert policy.read(reader(BUSY)) is BUSY
    assert not pauses
    assert policy.read(reader(b'x')) == b'x'
    assert policy.read(reader(BUSY, b'y')) == b'y'
    assert pauses == [0.2]


def test_read_permanent_failures_do_not_stop_retrying(pauses):
    policy = RetryPolicy(is_transient_local)
    for _ in range(2 * MAX_CONSECUTIVE_FAILURES):
        assert policy.read(reader(GONE)) is GONE
    assert policy.read(reader(BUSY, b'x')) == b'x'


@pytest.mark.parametrize(
    ('error', 'local', 'remote'),
    [
        (OSError(errno.EIO, ''), True, True),
        (OSError(errno.ESTALE, ''), True, True),
        (OSError(errno.EAGAIN, ''), True, True),
        (OSError('500 of the store'), False, True),
        (FileNotFoundError(errno.ENOENT, ''), False, False),
        (PermissionError(errno.EACCES, ''), False, False),
        (OSError(errno.EFBIG, ''), False, False),
        (ValueError(), False, False),
    ],
)
def test_is_transient_errors_that_may_pass_are_true(error, local, remote):
    assert is_transient_local(error) == local
    assert is_transient_remote(error) == remote
