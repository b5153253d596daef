"""The errors that users meet, each reported on one line."""


class UserError(Exception):
    """An error in flags or input, with a message for the user.

    The message is one line; several errors reported together are one line each.

    Attributes:
      exit_status: the command's exit status: 2 if the error was found before the job
        started, 1 if in the job.
    """

    def __init__(self, message: str, exit_status: int = 2):
        super().__init__(message)
        self.exit_status = exit_status


class MissingExampleError(KeyError):
    """An example of the index that a data set does not hold.

    A ``KeyError`` with one string as its argument, so that it can be pickled and made
    again, as the workers of data loaders do.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ''


class CorruptRecordError(ValueError):
    """A record whose bytes are damaged; the message names file, offset and index."""


class DatasetError(ValueError):
    """A directory that cannot be opened as a data set; the message says what to do."""


class JoinError(ValueError):
    """A table that does not fit a data set; the message says why and what to do."""
