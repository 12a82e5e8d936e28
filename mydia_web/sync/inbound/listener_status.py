"""Which sources this process listens to just now, for their pages."""

_HEARD: dict[tuple[int, int], bool] = {}


def note(source_id: int, account_id: int, *, is_there: bool) -> None:
    """The source is listened to for that account, or is to be as soon as it can be reached."""
    _HEARD[source_id, account_id] = is_there


def forget(source_id: int, account_id: int) -> None:
    _HEARD.pop((source_id, account_id), None)


def is_listened_to(source_id: int) -> bool | None:
    """None: nobody tries. Several accounts may be listened to: one of them will do."""
    heard = [is_there for (one, _), is_there in list(_HEARD.items()) if one == source_id]
    return any(heard) if heard else None
