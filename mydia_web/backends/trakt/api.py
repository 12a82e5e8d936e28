"""Questions to Trakt and writes, with a sign-in that renews itself; every status in words."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2

from mydia_web.backends.errors import BackendError, NotOnServer, ServerTrouble, SignInRefused
from mydia_web.backends.http import Answer, Http
from mydia_web.backends.trakt import tokens
from mydia_web.backends.trakt.pacing import Pace, pace_of
from mydia_web.backends.values import Connection, Credentials

#: As many rows are asked for at once; a server that gives fewer says so.
PAGE = 250
_STOPPED = {
    403: tokens.APP_REFUSED,
    420: "This Trakt account has reached one of its limits. Trakt's settings tell which; more is for VIP accounts.",
    423: "This Trakt account is locked. Trakt's support can unlock it.",
    426: "Trakt keeps this for VIP accounts.",
}
_JSON = {"Content-Type": "application/json", "trakt-api-version": "2"}


NOT_THERE = "Trakt does not know this title any more."
_CHANGED = "The account at Trakt changed while it was being read. It will be read again."
#: Trakt counts plays of titles that it has removed since, and does not list them.
_MAY_BE_MISSING = 0.02


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a listing, and how many rows it has in all."""

    rows: Sequence[Any]
    total: int
    problems: Sequence[str] = ()


class Api:
    """The API as one person. Renews the sign-in half-way through its life, and once when it is
    refused.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        transport: httpx2.BaseTransport | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._connection, self._oauth = connection, tokens.OAuth(connection, transport=transport)
        self.credentials = connection.credentials
        self._http = Http(
            connection.base_url,
            product="Trakt",
            hint="Is this machine on the internet?",
            headers={**_JSON, "trakt-api-key": tokens.client_id(self.credentials)},
            verify=connection.verify_tls,
            transport=transport,
        )
        self._use(self.credentials)
        account = connection.remote_user_id or tokens.access_token(self.credentials)
        self._pace = pace or pace_of(f"{self._http.address.url} {account}")
        self._may_renew_early = True

    @property
    def place(self) -> str:
        return self._http.address.place

    @property
    def clock_skew(self) -> timedelta | None:
        return self._http.clock_skew

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, *, understood: Collection[int] = (), **params: object) -> Answer:
        """The caller deals with the statuses `understood`."""
        return self._send("GET", path, understood, params=params)

    def post(
        self, path: str, body: Mapping[str, Any], *, understood: Collection[int] = ()
    ) -> Answer:
        with self._pace.turn():
            return self._send("POST", path, understood, json=body)

    def delete(self, path: str) -> None:
        """What is gone already is no error."""
        with self._pace.turn():
            self._send("DELETE", path, (404,))

    def pages(
        self, path: str, *, of_title: bool = False, is_counted: bool = True, **params: object
    ) -> Iterator[Page]:
        """All rows of a listing, or an error: `NotOnServer` for the listing of one title that is
        unknown.
        """
        number, reader = 1, _Reader(is_counted)
        while True:
            answer = self.get(
                path, understood=(404,) if of_title else (), page=number, limit=PAGE, **params
            )
            if answer.status == 404:
                raise NotOnServer(NOT_THERE)
            page, last = reader.read(answer)
            yield page
            if number >= last:
                return
            number += 1

    def _send(self, method: str, path: str, understood: Collection[int], **request: Any) -> Answer:
        self._renew_early()
        had = tokens.access_token(self.credentials)
        if not had:
            raise SignInRefused("No Trakt account is linked yet. Link one by a code.")
        statuses = {*understood, 401, 404, *_STOPPED}
        answer = self._http.send(method, path, understood=statuses, **request)
        if answer.status == 401 and self.credentials.get("refresh_token"):
            self._renew(had)
            answer = self._http.send(method, path, understood=statuses, **request)
        if answer.status < 400 or answer.status in understood:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> BackendError:
        if answer.status == 401:
            return SignInRefused(tokens.LINK_AGAIN)
        if answer.status in _STOPPED:
            return SignInRefused(_STOPPED[answer.status])
        return ServerTrouble(
            f"{self.place} answers, but not as Trakt does. Is this the right address?"
        )

    def _renew_early(self) -> None:
        """Before the token ends. Where that fails the old one goes on being used, as long as it is
        good.
        """
        if not self._may_renew_early or not tokens.is_past_half(self.credentials):
            return
        try:
            self._renew(tokens.access_token(self.credentials))
        except BackendError:
            if tokens.is_over(self.credentials):
                raise
            self._may_renew_early = False

    def _renew(self, had: str) -> None:
        """Get other credentials than those with the token `had`."""

        def ask(stored: Credentials) -> Credentials:
            is_newer = tokens.access_token(stored) not in ("", had)
            return stored if is_newer else self._oauth.renew(stored)

        self._use(self._connection.renew(ask) if self._connection.renew else ask(self.credentials))

    def _use(self, credentials: Credentials) -> None:
        self.credentials = credentials
        token = tokens.access_token(credentials)
        secrets = [
            token,
            *(credentials.get(name, "") for name in ("refresh_token", "client_secret")),
        ]
        self._http.set_headers(
            {"Authorization": f"Bearer {token}"} if token else {}, secrets=secrets
        )


class _Reader:
    """Watches over the reading of one listing: half a listing looks like one of which half was
    removed.
    """

    def __init__(self, is_counted: bool) -> None:
        self._is_counted = is_counted
        self._pages, self._first_total, self._total = 0, 0, 0
        self._seen: set[str] = set()

    def read(self, answer: Answer) -> tuple[Page, int]:
        """The page, and the number of the last one."""
        rows, self._pages = _rows(answer), self._pages + 1
        total, last = _number(answer, "Item-Count"), _number(answer, "Page-Count")
        if total is None or last is None:
            if self._is_counted or len(rows) == PAGE:
                raise ServerTrouble("Trakt does not tell how many entries there are.")
            total, last = len(rows), 1
        # Rows that are taken away move the others up, past the page that is read next.
        if total < self._total:
            raise ServerTrouble(_CHANGED)
        self._first_total, self._total = self._first_total or total, total
        self._seen.update(_name(row, f"{self._pages}.{place}") for place, row in enumerate(rows))
        return Page(rows, total, self._missing() if self._pages >= last else ()), last

    def _missing(self) -> tuple[str, ...]:
        missing = self._first_total - len(self._seen)
        if missing > max(1, self._first_total * _MAY_BE_MISSING):
            raise ServerTrouble(_CHANGED)
        if missing > 0:
            return (f"Trakt counts {self._first_total} entries and lists {len(self._seen)}.",)
        return ()


def _name(row: object, otherwise: str) -> str:
    return str(row.get("id", otherwise)) if isinstance(row, dict) else otherwise


def _rows(answer: Answer) -> list[Any]:
    rows = answer.json()
    if not isinstance(rows, list):
        raise ServerTrouble(
            f"{answer.place} answers, but not as Trakt does. Is this the right address?"
        )
    return rows


def _number(answer: Answer, name: str) -> int | None:
    text = answer.headers.get(f"X-Pagination-{name}", "")
    return int(text) if text.isdecimal() else None
