"""The errors that a user can fix, each reported on one line."""


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
