"""The platform as its operators have it: `portico run profiles/psa.yaml`, its services, its databases, its visitors."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from portico.process.control import ask
from tests.integration.observed import lines
from tests.integration.samples.running import ROOT, SECRET, Caller, environment
from tests.integration.supervised import PATIENCE_S, until
from tests.leaks import watch

PROFILE = ROOT / "profiles" / "psa.yaml"
DEMO = {"email": "demo@psa.example", "password": "demo password"}
PASSWORD = "correct horse"
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
START_S = 150.0  # nine interpreters start, perhaps beside other tests
SERVICES = ("auth", "tickets", "crm")


Entry = tuple[str, str, str]
"""What somebody has who has signed in: a token, their id, their address."""


class Platform:
    """The gateway of the profile, with its two workers, in a working folder of its own. Its standard output (what it
    announces, and the access log) is in the file `out`, its standard error in `err`."""

    profile = PROFILE

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.err = folder / "err"
        self.address = ""
        self._env = env or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.databases = {name: folder / "var" / f"{name}.db" for name in SERVICES}
        self._entries: dict[str, Entry] = {}
        self.directly: dict[str, str] = {}  # service → its own address, where it is not a child

    def __enter__(self) -> Self:
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "portico", "run", self.profile],
                cwd=self.folder,
                env={
                    **environment(),
                    "JWT_SECRET": SECRET,
                    "PORT": "0",
                    "AUTH_DEVELOPMENT": "1",  # one-time tokens are in the answers
                    "DEMO_USER": DEMO["email"],
                    "DEMO_PASSWORD": DEMO["password"],
                    **self._env,
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            self.address = until(self._announced, "the platform's start", START_S)
            watch(self.folder / "var", self._process)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def _announced(self) -> str:
        assert self._process is not None
        assert self._process.poll() is None, self.err.read_text()
        found = re.search(r"serves on (http://127\.0\.0\.1:\d+) ", self.out.read_text())
        return found[1] if found and "Ctrl-C" in self.out.read_text() else ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        assert code == 0, self.err.read_text()

    def status(self) -> dict[str, Any]:
        """What `portico status` says."""
        return ask(str(self.folder / "var"), {"command": "status"}, PATIENCE_S)

    def child(self, service: str) -> dict[str, Any]:
        """A service beside the gateway, as its status says."""
        (found,) = (child for child in self.status()["children"] if child["service"] == service)
        return dict(found)

    def ask_service(self, service: str, path: str) -> httpx.Response:
        """One GET to a service itself, past the gateway: on its own port, or on a child's own socket."""
        if service in self.directly:
            return httpx.get(self.directly[service] + path)
        command = Path(f"/proc/{self.child(service)['pid']}/cmdline").read_text().split("\0")
        (socket,) = (word.removeprefix("--socket=") for word in command if word.startswith("--socket="))
        with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
            return client.get(f"http://{service}{path}")

    def rows(self, service: str, query: str, *values: str) -> list[tuple[Any, ...]]:
        """What is in the database of a service."""
        with closing(sqlite3.connect(self.databases[service], timeout=PATIENCE_S)) as database:
            return database.execute(query, values).fetchall()

    def change(self, service: str, statement: str, *values: str) -> None:
        """Change the database of a service behind its back."""
        with closing(sqlite3.connect(self.databases[service], timeout=PATIENCE_S)) as database, database:
            database.execute(statement, values)

    def access(self, **members: Any) -> list[dict[str, Any]]:
        """Lines of the access log with these members."""
        return lines(self.out, context="response", **members)

    def nobody(self) -> Visitor:
        """Somebody without a token."""
        return Visitor(self)

    def demo(self) -> Visitor:
        """The demo user: an agent of the tenant `demo`, signed in through the gateway."""
        return self._known("demo", lambda: self._sign_in(DEMO["email"], DEMO["password"]))

    def member(self, role: str, tenant: str = "demo") -> Visitor:
        """Somebody of this role and tenant, always the same: passwords are slow on purpose."""
        return self._known(f"{role} of {tenant}", lambda: self._register(role, tenant))

    def newcomer(self) -> Visitor:
        """A user whom nobody knows yet."""
        return Visitor(self, *self._register("user", "demo"))

    def _known(self, name: str, enter: Callable[[], Entry]) -> Visitor:
        if name not in self._entries:
            self._entries[name] = enter()
        return Visitor(self, *self._entries[name])

    def _register(self, role: str, tenant: str) -> Entry:
        """Register and sign in through the gateway. Roles above `user` and other tenants are given by an operator in
        between: nobody chooses theirs."""
        email = f"{role}-{uuid4().hex}@example.com"
        with self.nobody() as nobody:
            nobody.post("/auth/register", {"email": email, "password": PASSWORD, "name": role.title()})
        self.change(
            "auth", "UPDATE auth_accounts SET role = ?, tenant_id = ? WHERE email = ?", role, tenant, email
        )
        return self._sign_in(email, PASSWORD)

    def _sign_in(self, email: str, password: str) -> Entry:
        with self.nobody() as nobody:
            told = nobody.post("/auth/login", {"email": email, "password": password}, 200)
        return told["accessToken"], told["user"]["id"], email


class Visitor(Caller):
    """Somebody who calls the platform, over a connection to each worker in turns, and looks at every answer."""

    def __init__(
        self, platform: Platform, bearer: str | None = None, user: str = "", email: str = ""
    ) -> None:
        super().__init__(platform.address, bearer, user)
        self.bearer = bearer
        self.email = email
        self.driven: set[tuple[str, str]] = set()
        self._turn = 0
        self._doors = doors_to_all(platform.address, self._client.headers)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        self._turn = (self._turn + 1) % len(self._doors)
        answer = self._doors[self._turn].request(method, f"/api/v1{path}", **options)
        self.driven.add((method, IDS.sub("{id}", path.partition("?")[0])))
        look_at(answer)
        return answer

    def close(self) -> None:
        super().close()
        for door in self._doors:
            door.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def doors_to_all(address: str, headers: httpx.Headers) -> list[httpx.Client]:
    """A client for each worker, which keeps its connection. Connections are spread by chance: ask who answers."""
    doors: dict[int, httpx.Client] = {}

    def all_found() -> bool:
        door = httpx.Client(
            base_url=address, headers=headers, timeout=PATIENCE_S, limits=httpx.Limits(keepalive_expiry=60)
        )
        workers = door.get("/health/detailed").json()["workers"]
        # Who answers has this very request in flight, and somebody else's only by a rare chance.
        busy = [worker["worker"] for worker in workers if worker["in_flight"]]
        if len(busy) == 1 and busy[0] not in doors:
            doors[busy[0]] = door
        else:
            door.close()
        return len(doors) == len(workers)

    until(all_found, "a connection to each worker")
    return [doors[number] for number in sorted(doors)]


def look_at(answer: httpx.Response) -> None:
    """What is on every answer of the gateway, whoever made it (requirements 1.8 and 3.7)."""
    fields = answer.headers
    assert re.fullmatch(r"req_[0-9a-f]{12,}", fields["x-request-id"]), fields
    assert re.fullmatch(r"\d+\.\dms", fields["x-response-time"]), fields
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["x-frame-options"] == "SAMEORIGIN"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["content-security-policy"].startswith("default-src 'self'; ")
    assert "cross-origin-embedder-policy" not in fields
    assert "server" not in fields
    assert not any(name.startswith("x-internal-") for name in fields)
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert error["statusCode"] == answer.status_code
        assert isinstance(error["message"], str)
        assert fields["content-type"] == "application/json"
        assert fields["cache-control"] == "no-store"
        assert "Traceback" not in json.dumps(error)
