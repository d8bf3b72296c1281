"""Real processes for the samples' tests: services on free ports, a private PostgreSQL, and callers with tokens."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
import jwt

SECRET = "a secret of the tests, longer than 32 bytes"
ISSUER = "psa-platform"
ROOT = Path(__file__).parents[3]

T = TypeVar("T")


def eventually(what: str, look: Callable[[], T | None], *, within_s: float = 30) -> T:
    """What `look` finds, as soon as it finds something; fails when it has not within the bound."""
    end = time.monotonic() + within_s
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {within_s} s")
        time.sleep(0.02)


class Service:
    """`python -m samples.<name>` on a free port, until the end of the `with` block."""

    def __init__(
        self, name: str, folder: Path, database_url: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / f"{name}-{uuid4().hex}.log"
        self._arguments = ["--port", "0", *(["--database-url", database_url] if database_url else [])]
        self._env = env or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = ""

    def start(self) -> Self:
        """Starts the process, and does not wait."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"samples.{self.name}", *self._arguments],
                cwd=self.folder,
                env={**environment(), "JWT_SECRET": SECRET, **self._env},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def wait(self) -> Self:
        """Waits until it serves."""
        self.base_url = eventually(f"the start of {self.name}", self._address)
        return self

    def _address(self) -> str | None:
        assert self._process is not None
        log = self.log.read_text()
        if self._process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self._process.returncode}:\n{log}")
        found = re.search(r"running on (http://[0-9.]+:[0-9]+)", log)
        return found[1] if found else None

    def stop(self) -> int:
        """Ends the process in the ordinary way; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def __enter__(self) -> Self:
        self.start()
        try:
            return self.wait()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def environment() -> dict[str, str]:
    """This process's environment without what would configure a service."""
    meant = re.compile(r"JWT_|AUTH_|DEMO_|RESOURCE_|VENUES_|(\w+_)?DATABASE_URL$")
    kept = {name: value for name, value in os.environ.items() if not meant.match(name)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def token(user: str, tenant: str, role: str, **claims: Any) -> str:
    """A token as the auth service makes it."""
    now = int(time.time())
    said = {
        "user_id": user,
        "tenant_id": tenant,
        "role": role,
        "email": f"{user}@example.com",
        "type": "access",
        "iss": ISSUER,
        "iat": now,
        "exp": now + 3600,
        "jti": uuid4().hex,
        **claims,
    }
    return jwt.encode(said, SECRET, algorithm="HS256")


class Caller:
    """Somebody with a token (or with none) who calls one service."""

    def __init__(self, base_url: str, bearer: str | None = None, user: str = "") -> None:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        self.user = user
        self._client = httpx.Client(base_url=f"{base_url}/api/v1", headers=headers, timeout=30)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The plain answer."""
        return self._client.request(method, path, **options)

    def get(self, path: str, status: int = 200, /, **query: Any) -> Any:
        return self._told("GET", path, status, params=query or None)

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        return self._told("POST", path, status, json=body)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self._told("PUT", path, status, json=body)

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return self._told("PATCH", path, status, json=body)

    def delete(self, path: str, status: int = 204) -> Any:
        return self._told("DELETE", path, status)

    def _told(self, method: str, path: str, status: int, **options: Any) -> Any:
        """The body, after the status was seen to be the expected one, and an error to have the form."""
        answer = self.send(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        if status == 204:
            assert answer.content == b""
            return None
        body = answer.json()
        if status >= 400:
            assert body.keys() == {"error"}
            assert body["error"]["statusCode"] == status
            assert isinstance(body["error"]["message"], str)
            assert answer.headers["cache-control"] == "no-store"
            return body["error"]
        return body

    def close(self) -> None:
        self._client.close()


class Tenant:
    """A tenant of its own, so that tests share services and never see each other."""

    def __init__(self, base_url: str) -> None:
        self.id = f"tenant-{uuid4().hex}"
        self._base_url = base_url
        self._callers: list[Caller] = []

    def caller(self, role: str, user: str | None = None, base_url: str | None = None) -> Caller:
        """Somebody of this tenant; `user` is by default named after the role."""
        user = user or f"a-{role}"
        caller = Caller(base_url or self._base_url, token(user, self.id, role), user)
        self._callers.append(caller)
        return caller

    def close(self) -> None:
        for caller in self._callers:
            caller.close()


def postgresql_programs() -> Path | None:
    """The folder of the newest installed PostgreSQL's programs."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(installed, key=lambda path: float(path.parts[-3]))
    if newest:
        return newest[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """A PostgreSQL of its own on a Unix socket; the URL of its database. Not as root, who may not run it."""
    folder = tempfile.mkdtemp(prefix="portico-pg-", dir="/tmp")
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        done = subprocess.run(
            command, user=user, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    data, log = f"{folder}/data", f"{folder}/log"
    try:
        run(
            "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        # Its output goes to the file: a pipe would be held open by the server and never end.
        run("pg_ctl", "-D", data, "-l", log, "-w", "-s", "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)
