"""What can go wrong, each mapped once at every edge: to a page, a fragment, JSON or an exit code."""


class MydiaError(Exception):
    """Something went wrong in mydia-web."""

    #: The HTTP status an edge answers with.
    status = 500

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or " ".join((self.__doc__ or "").split()))

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
