import errno

import pytest
from apache_beam.io.filesystem import BeamIOError

from indexed_imagenet.transforms.storage.beam import as_os_errors, http_status


class Answer:
    """What an HTTP client makes of an answer."""

    status_code = 403


class ByCode(Exception):
    """As Google's API clients have them, and Beam's of S3."""

    def __init__(self, message, code):
        super().__init__(message, code)
        self.message = message
        self.code = code


class ByAnswer(Exception):
    """As Google's uploads have them."""

    response = Answer()


class ByDict(Exception):
    """As boto has them."""

    response = {'ResponseMetadata': {'HTTPStatusCode': 404}}


class NoAnswer(Exception):
    """As boto has those of connections."""

    response = None


def raised_for(error: Exception) -> OSError:
    with pytest.raises(OSError) as raised, as_os_errors():
        raise error
    assert not isinstance(raised.value, BeamIOError)
    return raised.value


@pytest.mark.parametrize(
    ('error', 'number', 'text'),
    [
        (ByCode('not yours', 403), errno.EACCES, 'not yours'),
        (ByCode('who are you', 401), errno.EACCES, 'who are you'),
        (ByCode('busy', 503), None, 'busy'),
        (ByCode('no answer', None), None, 'no answer'),
        (ByAnswer('refused', 403), errno.EACCES, 'refused 403'),
        (ByDict('no such\nkey'), errno.ENOENT, 'no such key'),
        (NoAnswer('lost'), None, 'lost'),
        (ValueError(), None, 'ValueError'),
        (BeamIOError('all', {'a': ByDict('gone')}), errno.ENOENT, 'gone'),
        (
            BeamIOError('all', {'a': BeamIOError('b', {'c': ByCode('x', 403)})}),
            errno.EACCES,
            'x',
        ),
    ],
)
def test_errors_of_every_client_come_as_those_of_the_system(error, number, text):
    error = raised_for(error)
    assert error.errno == number
    assert (error.strerror or str(error)) == text


def test_errors_of_the_system_come_as_they_are():
    error = ConnectionResetError(errno.ECONNRESET, 'lost')
    assert raised_for(error) is error
    missing = FileNotFoundError(errno.ENOENT, 'gone')
    assert raised_for(BeamIOError('all', {'a': missing})) is missing


def test_the_status_is_none_where_no_answer_came():
    assert http_status(ValueError()) is None
    assert http_status(NoAnswer()) is None
