"""Errors that a person can mend, told in one line."""


class UserError(Exception):
    """A mistake in flags or input; the message is one line for the user.

    Attributes:
      exit_status: 2 if the launcher found it before the job started, 1 if it
        came to light in the job.
    """

    def __init__(self, message: str, exit_status: int = 2):
        super().__init__(message)
        self.exit_status = exit_status
