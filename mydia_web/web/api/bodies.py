"""What a request's JSON must look like. Numbers are numbers here: neither "90" nor true is one."""

from typing import TypeVar

from flask import abort, request
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from mydia_web.errors import MydiaError

Body = TypeVar("Body", bound=BaseModel)


class InvalidBody(MydiaError):
    """The body of the request cannot be used. Nothing was stored."""

    status = 422

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__()
        self.errors = errors


class Position(BaseModel):
    """How far a title has been played, and when it was there (now, where `at` is missing)."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    position_seconds: float
    duration_seconds: float
    at: AwareDatetime | None = None


def read_body(model: type[Body]) -> Body:
    """The request's body as `model`. Raises `InvalidBody`; aborts with 415 where it is not sent as
    JSON.
    """
    if not request.is_json:
        abort(415)
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        raise InvalidBody(_by_field(error)) from error


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(one["loc"][0]) if one["loc"] else "body"
        found.setdefault(field, []).append(f"{one['msg']}.")
    return found
