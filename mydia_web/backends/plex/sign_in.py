"""Signing in on a server: with the stored token, or with one that plex.tv gives."""

from collections.abc import Callable
from threading import Lock

from mydia_web.backends.errors import BackendError, ServerTrouble, SignInRefused
from mydia_web.backends.http import Http
from mydia_web.backends.plex.account import Account, Person
from mydia_web.backends.plex.mapping import Identity, media_container, require
from mydia_web.backends.values import Connection, Linked


class SignIn:
    """The sign-in of one person on one server. plex.tv is asked only for what is not known yet.

    A token belongs to one person, and the server keeps all state by it. An account's token opens
    the account's own server; somebody else's server wants a token of its own, which plex.tv gives
    for the account's.
    """

    def __init__(
        self, connection: Connection, http: Http, open_account: Callable[[], Account]
    ) -> None:
        self._credentials = connection.credentials
        self._wanted_user = connection.remote_user_id.strip()
        self._http = http
        self._open_account = open_account
        self.token = self._credentials.get("token", "")
        self._account_token = self._credentials.get("account_token", "")
        self.server_id = self._credentials.get("server_id", "")
        self.user_id = self._credentials.get("user_id", "")
        self._person: Person | None = None
        self._account: Account | None = None
        self._is_ready = False
        self._was_renewed = False
        self._lock = Lock()
        secrets = [self.token, self._account_token, self._credentials.get("password", "")]
        self._http.set_headers({}, secrets=secrets)

    def close(self) -> None:
        if self._account is not None:
            self._account.close()

    @property
    def account(self) -> Account:
        if self._account is None:
            self._account = self._open_account()
        return self._account

    @property
    def account_token(self) -> str:
        return self._account_token or self.token

    def find_server(self) -> None:
        """Learn the server's id. No token is sent, for anybody may answer at that address."""
        answer = self._http.send(
            "GET", "identity", understood=(401, 403, 404, 405), headers={"X-Plex-Token": ""}
        )
        if answer.status != 200 or answer.is_web_page:
            raise self._not_plex()
        try:
            server_id = require(Identity, media_container(answer.json())).machine_identifier
        except BackendError as error:
            raise self._not_plex() from error
        if not server_id:
            raise self._not_plex()
        self.server_id = self.server_id or server_id

    def _not_plex(self) -> ServerTrouble:
        return ServerTrouble(
            f"Something answers at {self._http.address.place}, but it is not a Plex. "
            "Are the address and the port right?"
        )

    def ensure(self) -> None:
        """Make sure that there is a token of the right person."""
        with self._lock:
            if self._is_ready:
                return
            is_somebody_else = self._wanted_user and self._wanted_user != self.user_id
            if not self.token or is_somebody_else:
                self._get_token()
            self._use(self.token)
            self._is_ready = True

    def renew(self, refused: str) -> bool:
        """Return whether there is another token than the refused one; plex.tv is asked once."""
        with self._lock:
            if self.token == refused and not self._was_renewed:
                token = self._ask_new_token()
                self._was_renewed = True
                if token:
                    self._use(token)
            return self.token != refused

    def _ask_new_token(self) -> str:
        try:
            return self._ask_server_token()
        except SignInRefused:
            return ""
        except BackendError as error:
            raise ServerTrouble(
                f"Plex refused this sign-in, and plex.tv cannot be asked for another: {error}"
            ) from error

    def identify(self) -> None:
        """Learn who this is, where plex.tv can be asked. A server alone is enough to sign in."""
        self.ensure()
        with self._lock:
            try:
                self._person = self._person or self.account.person(self.account_token)
                self._account_token = self.account_token
                self.user_id = self._person.id
                self._use(self._ask_server_token() or self.token)
            except BackendError:
                return

    def linked(self) -> Linked:
        """Return what to keep. The account's token buys new tokens for the server."""
        credentials = {
            "token": self.token,
            "account_token": self._account_token,
            "user_id": self.user_id,
            "server_id": self.server_id,
        }
        name = self._person.name if self._person else ""
        known = {key: value for key, value in credentials.items() if value}
        return Linked(known, self.user_id, name)

    def _get_token(self) -> None:
        account_token = self.account_token or self._sign_in_by_password()
        if self._wanted_user:
            account_token = self._switch(account_token)
        self._account_token = account_token
        try:
            self.token = self._ask_server_token() or account_token
        except BackendError:
            # The account's token may do; if it does not, `renew` asks once more.
            self.token = account_token

    def _sign_in_by_password(self) -> str:
        username = self._credentials.get("username", "")
        password = self._credentials.get("password", "")
        if not (username and password):
            raise SignInRefused(
                "Plex asks who this is. Link the account by a code, or enter a token."
            )
        return self.account.sign_in(username, password)

    def _switch(self, token: str) -> str:
        """Return the token of the wanted person: the account's own, or that of a Home member."""
        owner = self.account.person(token)
        if owner.is_called(self._wanted_user):
            self._become(owner)
            return token
        home = self.account.home(token)
        for person in home:
            if person.is_called(self._wanted_user):
                self._become(person)
                return self.account.switch(token, person, self._credentials.get("pin", ""))
        names = ", ".join(person.name[:80] for person in home) or owner.name[:80]
        raise SignInRefused(
            f"Nobody in this Plex Home is called {self._wanted_user[:80]}. There is: {names}."
        )

    def _become(self, person: Person) -> None:
        self._person = person
        self.user_id = person.id

    def _ask_server_token(self) -> str:
        if not self.server_id:
            self.find_server()
        return self.account.server_token(self.account_token, self.server_id)

    def _use(self, token: str) -> None:
        self.token = token
        self._http.set_headers({"X-Plex-Token": token}, secrets=[token, self._account_token])
