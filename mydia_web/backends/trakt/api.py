"""Requests to Trakt, paced and with a sign-in that renews itself; every refusal in words."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2

from mydia_web.backends.call import Call
from mydia_web.backends.errors import BackendError, NotOnServer, ServerTrouble, SignInRefused
from mydia_web.backends.http import Answer, Http
from mydia_web.backends.trakt import tokens
from mydia_web.backends.trakt.plan import PAGE, page_of
from mydia_web.backends.values import Connection, Credentials

#: Between two writes to one account, whoever sends them: a little more than the second that
#: Trakt asks for.
SECONDS_APART = 1.1
#: Trakt counts plays of titles that it has removed since, and does not list them (share).
MAX_MISSING = 0.02

NOT_THERE = "Trakt does not know this title any more."
_CHANGED = "The account at Trakt changed while it was being read. It will be read again."
_REFUSALS = {
    403: tokens.APP_REFUSED,
    420: "This Trakt account has reached one of its limits. Trakt's settings tell which; "
    "more is for VIP accounts.",
    423: "This Trakt account is locked. Trakt's support can unlock it.",
    426: "Trakt keeps this for VIP accounts.",
}
_HEADERS = {"Content-Type": "application/json", "trakt-api-version": "2"}


class Pace:
    """Lets the writers of one account through one by one, at a distance."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_at = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn to write; the next one comes after this one has ended."""
        with self._lock:
            wait = self._next_at - self._monotonic()
            if wait > 0:
                self._sleep(wait)
            try:
                yield
            finally:
                # From the end of the request: two that set out apart can still arrive together.
                self._next_at = self._monotonic() + SECONDS_APART


_paces: dict[str, Pace] = {}
_paces_lock = threading.Lock()


def pace_of(account: str) -> Pace:
    """Return the pace that all clients of an account in this process share."""
    with _paces_lock:
        return _paces.setdefault(account, Pace())


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a listing, and how many rows it has in all."""

    rows: Sequence[Any]
    total: int
    problems: Sequence[str] = ()


class Api:
    """The API as one person.

    Renews the sign-in half-way through its life, and once when it is refused.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        transport: httpx2.BaseTransport | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._connection = connection
        self._oauth = tokens.OAuth(connection, transport=transport)
        self.credentials = connection.credentials
        self._http = Http(
            connection.base_url,
            product="Trakt",
            hint="Is this machine on the internet?",
            headers={**_HEADERS, "trakt-api-key": tokens.client_id(self.credentials)},
            verify=connection.verify_tls,
            transport=transport,
        )
        self._use(self.credentials)
        account = connection.remote_user_id or tokens.access_token(self.credentials)
        self._pace = pace or pace_of(f"{self._http.address.url} {account}")
        self._may_renew_early = True

    @property
    def clock_skew(self) -> timedelta | None:
        return self._http.clock_skew

    def close(self) -> None:
        self._http.close()

    def not_trakt(self) -> ServerTrouble:
        return _not_trakt(self._http.address.place)

    def get(self, path: str, **params: object) -> Answer:
        return self.send(Call(method="GET", path=path, params=params))

    def send(self, call: Call, *, understood: Collection[int] = ()) -> Answer:
        """Send a call; writes wait for their turn. The caller handles the statuses `understood`."""
        if call.method == "GET":
            return self._send(call, understood)
        with self._pace.turn():
            return self._send(call, understood)

    def pages(
        self, listing: Call, *, is_of_title: bool = False, is_counted: bool = True
    ) -> Iterator[Page]:
        """Yield all rows of a listing, or raise.

        Raises `NotOnServer` for a listing of one title that Trakt does not know. A listing that is
        not counted may come whole, without the number of its rows.
        """
        understood = (404,) if is_of_title else ()
        reader = _PageReader(is_counted=is_counted)
        number = 1
        while True:
            answer = self.send(page_of(listing, number), understood=understood)
            if answer.status == 404:
                raise NotOnServer(NOT_THERE)
            page, last = reader.read(answer)
            yield page
            if number >= last:
                return
            number += 1

    def _send(self, call: Call, understood: Collection[int]) -> Answer:
        self._renew_early()
        token = tokens.access_token(self.credentials)
        if not token:
            raise SignInRefused("No Trakt account is linked yet. Link one by a code.")
        statuses = {*understood, 401, 404, *_REFUSALS}
        answer = self._http.send(call.method, call.path, understood=statuses, **call.request)
        if answer.status == 401 and self.credentials.get("refresh_token"):
            self._renew(token)
            answer = self._http.send(call.method, call.path, understood=statuses, **call.request)
        if answer.status < 400 or answer.status in understood:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> BackendError:
        if answer.status == 401:
            return SignInRefused(tokens.LINK_AGAIN)
        if answer.status in _REFUSALS:
            return SignInRefused(_REFUSALS[answer.status])
        return self.not_trakt()

    def _renew_early(self) -> None:
        """Renew the sign-in before its token ends; where that fails, use the old one on."""
        if not self._may_renew_early or not tokens.is_past_half(self.credentials):
            return
        try:
            self._renew(tokens.access_token(self.credentials))
        except BackendError:
            if tokens.is_expired(self.credentials):
                raise
            self._may_renew_early = False

    def _renew(self, old_token: str) -> None:
        """Get other credentials than those of the old token."""

        def renew(stored: Credentials) -> Credentials:
            is_newer = tokens.access_token(stored) not in ("", old_token)
            if is_newer:
                return stored
            return self._oauth.renew(stored)

        if self._connection.renew is None:
            self._use(renew(self.credentials))
        else:
            self._use(self._connection.renew(renew))

    def _use(self, credentials: Credentials) -> None:
        self.credentials = credentials
        token = tokens.access_token(credentials)
        secrets = [token]
        secrets += [credentials.get(name, "") for name in ("refresh_token", "client_secret")]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http.set_headers(headers, secrets=secrets)


class _PageReader:
    """Sees to it that one listing is read whole: half of one would look like removed titles."""

    def __init__(self, *, is_counted: bool) -> None:
        self._is_counted = is_counted
        self._page_number = 0
        self._first_total = 0
        self._total = 0
        self._seen: set[str] = set()

    def read(self, answer: Answer) -> tuple[Page, int]:
        """Return the page, and the number of the last page."""
        rows = _rows(answer)
        self._page_number += 1
        total = _pagination(answer, "Item-Count")
        last = _pagination(answer, "Page-Count")
        if total is None or last is None:
            if self._is_counted or len(rows) == PAGE:
                raise ServerTrouble("Trakt does not tell how many entries there are.")
            total = len(rows)
            last = 1
        # Rows that are removed move the others up, past the page that is read next.
        if total < self._total:
            raise ServerTrouble(_CHANGED)
        self._first_total = self._first_total or total
        self._total = total
        for place, row in enumerate(rows):
            self._seen.add(_row_id(row, otherwise=f"{self._page_number}.{place}"))
        problems = self._missing() if self._page_number >= last else ()
        return Page(rows, total, problems), last

    def _missing(self) -> tuple[str, ...]:
        missing = self._first_total - len(self._seen)
        if missing > max(1, self._first_total * MAX_MISSING):
            raise ServerTrouble(_CHANGED)
        if missing <= 0:
            return ()
        return (f"Trakt counts {self._first_total} entries and lists {len(self._seen)}.",)


def _not_trakt(place: str) -> ServerTrouble:
    return ServerTrouble(f"{place} answers, but not as Trakt does. Is this the right address?")


def _row_id(row: object, *, otherwise: str) -> str:
    if not isinstance(row, dict):
        return otherwise
    return str(row.get("id", otherwise))


def _rows(answer: Answer) -> list[Any]:
    rows = answer.json()
    if not isinstance(rows, list):
        raise _not_trakt(answer.place)
    return rows


def _pagination(answer: Answer, name: str) -> int | None:
    text = answer.headers.get(f"X-Pagination-{name}", "")
    if not text.isdecimal():
        return None
    return int(text)
