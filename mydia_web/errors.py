"""Errors. Each edge (page, fragment, API, command) turns them into an answer in one place."""


class MydiaError(Exception):
    """Something went wrong in mydia-web."""

    #: The HTTP status of the answer.
    status = 500

    def __init__(self, message: str | None = None) -> None:
        if not message:
            # The docstring of each class is its message to the user.
            message = " ".join((self.__doc__ or "").split())
        super().__init__(message)

    @property
    def message(self) -> str:
        return str(self)


class NotFound(MydiaError):
    """There is nothing here. It may have been removed, or the address was mistyped."""

    status = 404


class InvalidValue(MydiaError, ValueError):
    """A value cannot be used. Nothing was stored."""

    status = 422

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class WrongSetting(MydiaError):
    """A setting has a value that cannot be used."""
