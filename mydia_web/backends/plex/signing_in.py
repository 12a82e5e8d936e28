"""Which token a server is asked with: as stored, or found out at plex.tv from what was typed."""

from collections.abc import Callable
from threading import Lock

from mydia_web.backends.errors import BackendError, ServerTrouble, SignInRefused
from mydia_web.backends.http import Http
from mydia_web.backends.plex.account import Account, Person
from mydia_web.backends.plex.mapping import Identity, container, sure
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
        self._typed, self._who = connection.credentials, connection.remote_user_id.strip()
        self._http, self._open_account = http, open_account
        self.token = self._typed.get("token", "")
        self._account_token = self._typed.get("account_token", "")
        self.server_id = self._typed.get("server_id", "")
        self.user_id = self._typed.get("user_id", "")
        self._person: Person | None = None
        self._account: Account | None = None
        self._ready = self._asked_anew = False
        self._lock = Lock()
        secrets = [self.token, self._account_token, self._typed.get("password", "")]
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
        """Learn which server it is. No token is sent: it may be anybody who answers."""
        answer = self._http.send(
            "GET", "identity", understood=(401, 403, 404, 405), headers={"X-Plex-Token": ""}
        )
        if answer.status != 200 or answer.is_web_page:
            raise self._not_plex()
        try:
            found = sure(Identity, container(answer.json())).machine_identifier
        except BackendError as error:
            raise self._not_plex() from error
        if not found:
            raise self._not_plex()
        self.server_id = self.server_id or found

    def _not_plex(self) -> ServerTrouble:
        place = self._http.address.place
        return ServerTrouble(
            f"Something answers at {place}, but it is not a Plex. Are the address and the port right?"
        )

    def ensure(self) -> None:
        """Have a token of the right person."""
        with self._lock:
            if not self._ready:
                if not self.token or (self._who and self._who != self.user_id):
                    self._become_someone()
                self._use(self.token)
                self._ready = True

    def renew(self, refused: str) -> bool:
        """The server refused that token. Is there another one now? plex.tv is asked for it once."""
        with self._lock:
            if self._asked_anew or self.token != refused:
                return self.token != refused
            try:
                fresh = self._ask_server_token()
            except SignInRefused:
                fresh = ""
            except BackendError as error:
                raise ServerTrouble(
                    f"Plex refused this sign-in, and plex.tv cannot be asked for another: {error}"
                ) from error
            self._asked_anew = True
            if fresh:
                self._use(fresh)
            return self.token != refused

    def find_out(self) -> None:
        """Learn who this is, as far as plex.tv can be asked: a server on its own is enough to sign
        in.
        """
        self.ensure()
        with self._lock:
            try:
                self._person = self._person or self.account.person(self.account_token)
                self._account_token, self.user_id = self.account_token, self._person.id
                self._use(self._ask_server_token() or self.token)
            except BackendError:
                return

    def linked(self) -> Linked:
        """What to keep. The account's token is what a new token for the server is asked with."""
        kept = {
            "token": self.token,
            "account_token": self._account_token,
            "user_id": self.user_id,
            "server_id": self.server_id,
        }
        name = self._person.name if self._person else ""
        return Linked({key: value for key, value in kept.items() if value}, self.user_id, name)

    def _become_someone(self) -> None:
        token = self.account_token or self._with_password()
        if self._who:
            token = self._switch(token)
        self._account_token = token
        try:
            self.token = self._ask_server_token() or token
        except BackendError:
            self.token = token  # an account's token may do, and else it is tried again by `renew`

    def _with_password(self) -> str:
        username, password = self._typed.get("username", ""), self._typed.get("password", "")
        if not (username and password):
            raise SignInRefused(
                "Plex asks who this is. Link the account by a code, or enter a token."
            )
        return self.account.sign_in(username, password)

    def _switch(self, token: str) -> str:
        """The token of the person who is meant: the account's own, or a member's of its Plex Home."""
        me = self.account.person(token)
        home = [] if me.is_called(self._who) else self.account.home(token)
        person = next((one for one in (me, *home) if one.is_called(self._who)), None)
        if person is None:
            names = ", ".join(one.name[:80] for one in home) or me.name[:80]
            raise SignInRefused(
                f"Nobody in this Plex Home is called {self._who[:80]}. There is: {names}."
            )
        self._person, self.user_id = person, person.id
        return (
            token
            if person is me
            else self.account.switch(token, person, self._typed.get("pin", ""))
        )

    def _ask_server_token(self) -> str:
        if not self.server_id:
            self.find_server()
        return self.account.server_token(self.account_token, self.server_id)

    def _use(self, token: str) -> None:
        self.token = token
        self._http.set_headers({"X-Plex-Token": token}, secrets=[token, self._account_token])
