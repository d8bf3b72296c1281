"""Accounts: made, entered, recovered, confirmed, changed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from samples.auth.accounts import DEMO_USER_ID
from tests.integration.samples.running import ISSUER, SECRET, Caller, Service, eventually, token

PASSWORD = "correct horse"


@pytest.fixture
def nobody(auth_service: Service) -> Iterator[Caller]:
    caller = Caller(auth_service.base_url)
    yield caller
    caller.close()


def address() -> str:
    return f"{uuid4().hex}@example.com"


def register(nobody: Caller, email: str | None = None, **fields: Any) -> dict[str, Any]:
    body = {"email": email or address(), "password": PASSWORD, **fields}
    made: dict[str, Any] = nobody.post("/auth/register", body)
    return made


def login(nobody: Caller, email: str, password: str = PASSWORD, status: int = 200) -> Any:
    return nobody.post("/auth/login", {"email": email, "password": password}, status)


@pytest.fixture
def account(nobody: Caller) -> dict[str, Any]:
    return register(nobody, name="Ada")


@pytest.fixture
def ada(auth_service: Service, account: dict[str, Any]) -> Iterator[Caller]:
    """The caller of that account."""
    caller = Caller(auth_service.base_url, account["accessToken"])
    yield caller
    caller.close()


def test_who_registers_is_a_user_of_the_configured_tenant(nobody: Caller) -> None:
    email = address()
    made = register(nobody, f"  {email.upper()} ", name=" Ada ")
    user = made["user"]
    assert user == {
        "id": user["id"],
        "email": email,
        "name": "Ada",
        "role": "user",
        "tenantId": "demo",
        "emailVerified": False,
        "createdAt": user["createdAt"],
        "updatedAt": user["createdAt"],
    }
    assert (made["tokenType"], made["expiresIn"]) == ("Bearer", 86_400)
    claims = jwt.decode(made["accessToken"], SECRET, algorithms=["HS256"], issuer=ISSUER)
    assert claims.keys() == {"user_id", "tenant_id", "role", "email", "type", "iss", "iat", "exp", "jti"}
    assert (claims["user_id"], claims["tenant_id"], claims["role"]) == (user["id"], "demo", "user")
    assert (claims["email"], claims["type"]) == (email, "access")
    assert claims["exp"] - claims["iat"] == 86_400


@pytest.mark.parametrize("extra", [{"role": "admin"}, {"tenantId": "another"}, {"tenant_id": "another"}])
def test_nobody_chooses_their_role_or_tenant(nobody: Caller, extra: dict[str, str]) -> None:
    body = {"email": address(), "password": PASSWORD, **extra}
    error = nobody.post("/auth/register", body, 422)
    assert error["details"]["field"] == next(iter(extra))
    login(nobody, body["email"], status=401)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": PASSWORD}, "email"),
        ({"email": "nobody", "password": PASSWORD}, "email"),
        ({"email": "a@b.c"}, "password"),
        ({"email": "a@b.c", "password": "short"}, "password"),
        ({"email": "a@b.c", "password": "x" * 129}, "password"),
    ],
)
def test_a_wrong_registration_is_refused(nobody: Caller, body: dict[str, str], field: str) -> None:
    error = nobody.post("/auth/register", body, 422)
    assert error["details"]["field"] == field
    assert body.get("password", PASSWORD) not in error["message"]


def test_an_address_is_taken_once(nobody: Caller, account: dict[str, Any]) -> None:
    nobody.post("/auth/register", {"email": account["user"]["email"].upper(), "password": PASSWORD}, 409)
    email = address()
    with ThreadPoolExecutor(4) as pool:
        body = {"email": email, "password": PASSWORD}
        answers = list(
            pool.map(lambda _: nobody.send("POST", "/auth/register", json=body).status_code, range(4))
        )
    assert sorted(answers) == [201, 409, 409, 409]


def test_login(nobody: Caller, account: dict[str, Any]) -> None:
    email = account["user"]["email"]
    entered = login(nobody, f" {email.upper()}")
    assert entered["user"] == account["user"]
    assert entered["accessToken"] != account["accessToken"]
    wrong = login(nobody, email, "wrong horse", 401)
    unknown = login(nobody, address(), status=401)
    assert wrong == unknown == {"message": "Invalid e-mail address or password", "statusCode": 401}
    nobody.post("/auth/login", {"email": email}, 422)


def test_me(ada: Caller, account: dict[str, Any]) -> None:
    assert ada.get("/auth/me") == account["user"]
    changed = ada.put("/auth/me", {"name": "Ada L."})
    assert changed == {**account["user"], "name": "Ada L.", "updatedAt": changed["updatedAt"]}
    assert ada.get("/auth/me") == changed
    for field in ("role", "tenantId", "id", "emailVerified"):
        assert ada.put("/auth/me", {field: "admin"}, 422)["details"]["field"] == field


def test_a_new_address_needs_the_password_and_is_confirmed_again(
    nobody: Caller, ada: Caller, account: dict[str, Any]
) -> None:
    old, new = account["user"]["email"], address()
    assert ada.put("/auth/me", {"email": new}, 422)["details"]["field"] == "currentPassword"
    wrong = ada.put("/auth/me", {"email": new, "currentPassword": "wrong horse"}, 422)
    assert wrong["details"]["field"] == "currentPassword"
    other = register(nobody)["user"]["email"]
    ada.put("/auth/me", {"email": other, "currentPassword": PASSWORD}, 409)
    changed = ada.put("/auth/me", {"email": new, "currentPassword": PASSWORD})
    assert (changed["email"], changed["emailVerified"]) == (new, False)
    # The first address's token proves nothing about the second.
    nobody.post("/auth/verify-email", {"token": account["verificationToken"]}, 422)
    verified = nobody.post("/auth/verify-email", {"token": changed["verificationToken"]}, 200)
    assert (verified["email"], verified["emailVerified"]) == (new, True)
    login(nobody, new)
    login(nobody, old, status=401)


def test_an_address_is_confirmed_once(nobody: Caller, ada: Caller, account: dict[str, Any]) -> None:
    proof = {"token": account["verificationToken"]}
    nobody.post("/auth/reset-password", {**proof, "password": PASSWORD}, 422)
    assert nobody.post("/auth/verify-email", proof, 200)["emailVerified"] is True
    assert nobody.post("/auth/verify-email", proof, 422)["details"]["field"] == "token"
    assert ada.get("/auth/me")["emailVerified"] is True


def test_a_forgotten_password_is_set_anew_once(nobody: Caller, account: dict[str, Any]) -> None:
    email = account["user"]["email"]
    first = nobody.post("/auth/forgot-password", {"email": email}, 202)["resetToken"]
    second = nobody.post("/auth/forgot-password", {"email": email}, 202)["resetToken"]
    assert first != second
    nobody.post("/auth/reset-password", {"token": second, "password": "short"}, 422)
    nobody.post("/auth/reset-password", {"token": second, "password": "battery staple"}, 204)
    for spent in (first, second, "nonsense", "🖨"):
        body = {"token": spent, "password": "battery staple"}
        assert nobody.post("/auth/reset-password", body, 422)["details"]["field"] == "token"
    login(nobody, email, "battery staple")
    login(nobody, email, status=401)


def test_a_reset_token_is_spent_once_also_by_many_at_once(nobody: Caller, account: dict[str, Any]) -> None:
    asked = {"email": account["user"]["email"]}
    body = {
        "token": nobody.post("/auth/forgot-password", asked, 202)["resetToken"],
        "password": "battery staple",
    }
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: nobody.send("POST", "/auth/reset-password", json=body).status_code, range(4))
        )
    assert sorted(answers) == [204, 422, 422, 422]


def test_an_unknown_address_gets_the_same_words(nobody: Caller, account: dict[str, Any]) -> None:
    known = nobody.post("/auth/forgot-password", {"email": account["user"]["email"]}, 202)
    assert nobody.post("/auth/forgot-password", {"email": address()}, 202) == {"message": known["message"]}


def test_change_password(nobody: Caller, ada: Caller, account: dict[str, Any]) -> None:
    email = account["user"]["email"]
    asked = nobody.post("/auth/forgot-password", {"email": email}, 202)
    body = {"currentPassword": PASSWORD, "newPassword": "battery staple"}
    wrong = ada.post("/auth/change-password", {**body, "currentPassword": "wrong horse"}, 422)
    assert wrong["details"]["field"] == "currentPassword"
    ada.post("/auth/change-password", body, 204)
    login(nobody, email, "battery staple")
    login(nobody, email, status=401)
    nobody.post("/auth/reset-password", {"token": asked["resetToken"], "password": PASSWORD}, 422)


def test_logout_says_goodbye(ada: Caller) -> None:
    ada.post("/auth/logout", None, 204)


def test_a_token_of_nobodys_account_or_of_another_tenant_is_worth_nothing(
    auth_service: Service, account: dict[str, Any]
) -> None:
    for bearer in (token("ghost", "demo", "user"), token(account["user"]["id"], "another", "user")):
        ghost = Caller(auth_service.base_url, bearer)
        assert ghost.get("/auth/me", 401)["message"] == "Invalid or expired token"
        ghost.put("/auth/me", {"name": "x"}, 401)
        ghost.close()


def test_the_demo_account_is_an_agent(nobody: Caller) -> None:
    user = login(nobody, "demo@example.com", "demo-password")["user"]
    assert (user["id"], user["role"], user["tenantId"]) == (DEMO_USER_ID, "agent", "demo")
    assert user["emailVerified"] is True


def test_there_is_no_refresh_here(nobody: Caller) -> None:
    nobody.post("/auth/refresh", {}, 404)


def test_outside_development_tokens_go_to_the_outbox(database_url: str, tmp_path: Any) -> None:
    outbox = tmp_path / "outbox"
    env = {"AUTH_OUTBOX": str(outbox), "AUTH_TENANT": "acme", "JWT_EXPIRES_IN": "15m"}
    with Service("auth", tmp_path, database_url, env) as service:
        nobody = Caller(service.base_url)
        email = address()
        made = register(nobody, email)
        assert "verificationToken" not in made
        assert (made["user"]["tenantId"], made["expiresIn"]) == ("acme", 900)
        asked = nobody.post("/auth/forgot-password", {"email": email}, 202)
        assert asked.keys() == {"message"}
        nobody.post("/auth/forgot-password", {"email": address()}, 202)

        def two_messages() -> list[str] | None:
            found = sorted(outbox.glob("*.eml"))
            return [file.read_text() for file in found] if len(found) >= 2 else None

        messages = eventually("the second message", two_messages)
        assert len(messages) == 2
        assert all(f"To: {email}\n" in message for message in messages)
        codes = [message.strip().splitlines()[-1] for message in messages]
        nobody.post("/auth/verify-email", {"token": codes[0]}, 200)
        nobody.post("/auth/reset-password", {"token": codes[1], "password": "battery staple"}, 204)
        assert all(file.stat().st_mode & 0o077 == 0 for file in (outbox, *outbox.iterdir()))
        nobody.close()


def test_a_gateway_may_strip_the_prefix_and_ask_about_a_user_of_the_tenant(
    auth_service: Service, account: dict[str, Any]
) -> None:
    user = account["user"]
    with httpx.Client(base_url=auth_service.base_url) as client:
        own = client.get("/auth/me", headers={"Authorization": f"Bearer {account['accessToken']}"})
        assert own.json() == {**user, "updatedAt": own.json()["updatedAt"]}
        asked = {"X-Gateway-Internal": "true", "X-Tenant-ID": "demo"}
        path = f"/users/{user['id']}"
        told = client.get(path, headers=asked).json()
        assert (told["email"], told["role"], told["tenant_id"]) == (user["email"], "user", "demo")
        assert (told["permissions"], told["venueId"]) == ([], None)
        assert client.get(path, headers={**asked, "X-Tenant-ID": "another"}).status_code == 404
        assert client.get(path, headers={"X-Tenant-ID": "demo"}).status_code == 403
        assert client.get(f"/api/v1{path}", headers=asked).status_code == 404
