"""Coder accounts on Label Studio: signed up through the invitation link, logged in as a browser does."""

import re
from collections.abc import Callable

import httpx

from annotator.coding.label_studio_client import Client, TokenAuth
from annotator.errors import ServiceError

_CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Account:
    """A logged-in coder: ``client`` carries the session and may call what the coder's own page calls."""

    def __init__(self, url: str, email: str, password: str, *, patience: float = 20.0) -> None:
        self.email = email.lower()
        self._password = password
        self.client = Client(url, None, patience=patience)
        self.client.http.event_hooks["request"].append(_same_site(self.client.http, self.client.url))

    def log_in(self) -> None:
        """Start a session. Raises ServiceError where e-mail address and password do not fit."""
        if not self._submit("/user/login/", {"email": self.email, "password": self._password}):
            raise ServiceError(
                f"Label Studio at {self.client.url} does not let {self.email} in",
                hint="The account does not exist, or its password is another one.",
            )

    def sign_up(self, invitation: str) -> None:
        """Make the account with the organisation's invitation token, or log in where it exists.

        Raises ServiceError where Label Studio refuses both (for example a password that is too short).
        """
        fields = {"email": self.email, "password": self._password, "allow_newsletters": "false"}
        if not self._submit("/user/signup/", fields, token=invitation):
            self.log_in()

    def token(self) -> str:
        """A token of the account's own: its legacy one where those are allowed, else a new personal one."""
        legacy = str(self.client.get("/api/current-user/token")["token"])
        try:
            Client(self.client.url, TokenAuth(legacy)).get("/api/current-user/whoami")
        except ServiceError:
            return str(self.client.post("/api/token/", {})["token"])
        return legacy

    def _submit(self, path: str, fields: dict[str, str], **params: str) -> bool:
        """Fill in a form as a browser does; whether it was taken (Label Studio then goes to another page)."""

        def submit() -> bool:
            self.client.http.cookies.clear()
            page = self.client.answer("GET", path, repeatable=True, params=params)
            found = _CSRF_FIELD.search(page.text)
            data = {**fields, "csrfmiddlewaretoken": found.group(1) if found else ""}
            # A repeated sign-up is refused and followed by a log-in, so repeating does no harm.
            answer = self.client.answer("POST", path, repeatable=True, params=params, data=data)
            return answer.is_redirect

        return bool(self.client.patiently(submit))


def _same_site(http: httpx.Client, url: str) -> Callable[[httpx.Request], None]:
    """Adds what Label Studio wants to see before it believes that a request comes from its own pages."""

    def prove(request: httpx.Request) -> None:
        request.headers["Referer"] = url + "/"
        if token := http.cookies.get("csrftoken"):
            request.headers["X-CSRFToken"] = token

    return prove


def ensure_account(
    url: str, owner_token: str, email: str, password: str, *, patience: float = 20.0
) -> Account:
    """The coder's account, made through the invitation link where it does not exist yet, and logged in.

    ``owner_token`` is a token of somebody who may invite. Doing it again logs in again. Raises ServiceError.
    """
    owner = Client(url, TokenAuth(owner_token), patience=patience)
    account = Account(url, email, password, patience=patience)
    account.sign_up(str(owner.get("/api/invite")["token"]))
    return account
