"""Rows of sessions: `identity.*.session`, its `openid` with a provider of the row's own, and `session` on routes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from time import time
from urllib.parse import parse_qs, urlsplit

import jwt

from portico.identity.sessions import Session, Sessions, key_of
from portico.testing import Message, Upstream
from tests.integration.openid.lying import CLIENT, LyingProvider
from tests.unit.identity.signing import private_key, private_pem
from tests.wired.credential_rows import THERE
from tests.wired.rows import REFUSED, UNSET, Probe, Row, Start
from tests.wired.site import Site

SECRET = "the-first-secret-of-the-sessions-of-the-wired-table"
OTHER = "the-other-secret-of-the-sessions-of-the-wired-table"
USERS: dict[str, object] = {"routes[0].authenticate": "users"}
SESSION: dict[str, object] = USERS | {"identity.users.session.secret": SECRET}
LOGIN: dict[str, object] = {
    "identity.users.session.secret": SECRET,
    "routes[0].session": {"login": "users"},
}


# -- sessions as they are: one that is put into the store, and its cookie


async def begun(site: Site, secret: str = SECRET) -> tuple[str, Sessions]:
    """The id of a session of ada's, and what makes its cookies."""
    sessions = Sessions(site.store, [secret.encode()], 900.0, 3600.0)
    session_id = sessions.new_id()
    await sessions.keep(session_id, sessions.begin({"sub": "ada"}, time()))
    return session_id, sessions


def used(
    method: str = "GET", name: str = "__Host-session", csrf: str = "x-csrf-token", origin: str = ""
) -> Probe:
    """What a request in a session gets."""

    async def probe(site: Site) -> object:
        session_id, sessions = await begun(site)
        fields = {"cookie": f"{name}={sessions.cookie(session_id)}", csrf: sessions.csrf(key_of(session_id))}
        if origin:
            fields["origin"] = origin
        return (await site.ask("/", fields, method=method)).status

    return probe


async def used_after_its_end(site: Site) -> object:
    """How long a worker believes in a session that is not in the store any more."""
    session_id, sessions = await begun(site)
    fields = {"cookie": f"__Host-session={sessions.cookie(session_id)}"}
    assert (await site.ask("/", fields)).status == 200
    assert [await site.store.drop("session", key) async for key, _ in site.store.list("session")] == [True]
    await asyncio.sleep(0.02)
    return (await site.ask("/", fields)).status


def set_by(reply: Message) -> dict[str, str]:
    """Name of a cookie → the line that sets it."""
    lines = [value.decode() for value in reply.all(b"set-cookie")]
    return {line.partition("=")[0]: line for line in lines}


async def cookies(site: Site) -> object:
    """The names of the cookies that a sign-in gives."""
    return sorted(set_by(await site.ask("/", method="POST", body=b"{}")))


def attribute(name: str) -> Probe:
    """Whether the cookies of a sign-in have it."""

    async def probe(site: Site) -> object:
        lines = set_by(await site.ask("/", method="POST", body=b"{}")).values()
        assert len(lines) == 2
        return all(name in line.split("; ") for line in lines)

    return probe


async def kept(site: Site) -> Session:
    """The session of a sign-in as the store has it."""
    assert (await site.ask("/", method="POST", body=b"{}")).status == 200
    async with asyncio.timeout(30):
        while True:
            sessions = [Session.decode(value) async for _, value in site.store.list("session")]
            if sessions and sessions[0] is not None:
                return sessions[0]
            await asyncio.sleep(0)


async def idles(site: Site) -> object:
    session = await kept(site)
    return session.until - session.created


async def lives(site: Site) -> object:
    session = await kept(site)
    return session.ends - session.created


async def subject(site: Site) -> object:
    return (await kept(site)).claims["sub"]


async def after_a_sign_out(site: Site) -> object:
    session_id, sessions = await begun(site)
    fields = {"cookie": f"__Host-session={sessions.cookie(session_id)}"}
    return [(await site.ask("/", fields)).status for _ in range(2)]


KEY = "identity.*.session"
PLAIN: dict[str, object] = {
    "identity.users.session.cookie": "session",
    "identity.users.session.csrf_cookie": "csrf",
}
SESSION_ROWS = (
    Row(f"{KEY}.secret", ([OTHER, SECRET], OTHER), (200, 401), used(), USERS),
    Row(f"{KEY}.cookie", (UNSET, "__Host-other"), (200, 401), used(), SESSION),
    Row(
        f"{KEY}.csrf_cookie",
        (UNSET, "__Host-token"),
        (["__Host-csrf", "__Host-session"], ["__Host-session", "__Host-token"]),
        cookies,
        LOGIN,
        upstreams=THERE,
    ),
    Row(f"{KEY}.csrf_header", (UNSET, "x-other"), (200, 403), used("POST"), SESSION),
    Row(
        f"{KEY}.origins",
        (UNSET, ["https://app.test"]),
        (403, 200),
        used("POST", origin="https://app.test"),
        SESSION,
    ),
    Row(f"{KEY}.secure", (UNSET, False), (True, False), attribute("Secure"), LOGIN | PLAIN, upstreams=THERE),
    Row(
        f"{KEY}.same_site",
        (UNSET, "strict"),
        (False, True),
        attribute("SameSite=Strict"),
        LOGIN,
        upstreams=THERE,
    ),
    Row(f"{KEY}.idle", (UNSET, "1h"), (900.0, 3600.0), idles, LOGIN, upstreams=THERE),
    Row(f"{KEY}.lifetime", (UNSET, "1h"), (43_200.0, 3600.0), lives, LOGIN, upstreams=THERE),
    Row(f"{KEY}.cache", (UNSET, "1ms"), (200, 401), used_after_its_end, SESSION),
    Row(
        f"{KEY}.claims.*",
        ("/user/id", "/user/role"),
        ("ada", "agent"),
        subject,
        LOGIN,
        "identity.users.session.claims.sub",
        upstreams=THERE,
    ),
)

# -- sessions that begin at a provider


class Providing(Upstream):
    """A provider as an upstream. `tell` changes it before it is asked."""

    def __init__(self, tell: Callable[[LyingProvider], None] = lambda _: None) -> None:
        self.provider = LyingProvider()
        tell(self.provider)
        super().__init__(self.provider)

    async def __aenter__(self) -> Providing:
        await super().__aenter__()
        self.provider.url = self.url
        return self


def provided(tell: Callable[[LyingProvider], None] = lambda _: None) -> dict[str, Start]:
    return {"backend": Upstream, "issuer": lambda: Providing(tell)}


THERE_TOO = provided()
AT = "identity.users.session.openid"
ROUTES: dict[str, object] = {
    "identity.users.session.secret": SECRET,
    f"{AT}.callback": "https://shop.test/back",
    "routes[0].authenticate": "users",
    "routes[1]": {
        "match": "/start",
        "service": "backend",
        "authenticate": "none",
        "session": {"start": "users"},
    },
    "routes[2]": {
        "match": "/back",
        "service": "backend",
        "authenticate": "none",
        "session": {"callback": "users"},
    },
    "routes[3]": {
        "match": "/out",
        "service": "backend",
        "authenticate": "none",
        "session": {"logout": "users"},
    },
}
UNPROVEN: dict[str, object] = ROUTES | {f"{AT}.client.id": CLIENT, f"{AT}.issuer": "<issuer>"}
OPENID = UNPROVEN | {f"{AT}.client.secret": "the-secret"}
FIRST, SECOND = (private_pem(private_key(name)) for name in ("ES256", "ES384"))


def provider_of(site: Site) -> LyingProvider:
    found = site.upstreams["issuer"]
    assert isinstance(found, Providing)
    return found.provider


async def started(site: Site) -> object:
    return (await site.ask("/start")).status


def asked(name: str) -> Probe:
    """What the provider is asked for."""

    async def probe(site: Site) -> object:
        reply = await site.ask("/start")
        assert reply.status == 303
        return parse_qs(urlsplit((reply.get(b"location") or b"").decode()).query)[name][0]

    return probe


async def back(site: Site) -> Message:
    """The answer to a browser that comes back from the provider."""
    reply = await site.ask("/start")
    ((name, line),) = set_by(reply).items()
    location = provider_of(site).authorize((reply.get(b"location") or b"").decode())
    target = location.removeprefix("https://shop.test")
    value = line.partition(";")[0].partition("=")[2]
    return await site.ask(target, {"cookie": f"{name}={value}"})


async def came_back(site: Site) -> object:
    return (await back(site)).status


async def arrived(site: Site) -> object:
    return ((await back(site)).get(b"location") or b"").decode()


async def login_cookie(site: Site) -> str:
    (line,) = set_by(await site.ask("/start")).values()
    return line


async def login_cookie_name(site: Site) -> object:
    return (await login_cookie(site)).rpartition("-")[0].startswith("__Host-begun")


async def login_cookie_age(site: Site) -> object:
    return next(part for part in (await login_cookie(site)).split("; ") if part.startswith("Max-Age"))


def told(name: str) -> Probe:
    """What a service is told of a caller who has signed in."""

    async def probe(site: Site) -> object:
        made = set_by(await back(site))["__Host-session"].partition(";")[0]
        return await site.received(name, {"cookie": made})

    return probe


async def exchange(site: Site) -> Message:
    """The question to the token endpoint."""
    assert (await back(site)).status == 303
    return next(one for one in provider_of(site).asked if one.target == b"/token")


async def basic(site: Site) -> object:
    pair = ((await exchange(site)).get(b"authorization") or b"").partition(b" ")[2]
    return base64.b64decode(pair).decode()


async def form(site: Site, name: str) -> str:
    return parse_qs((await exchange(site)).body.decode()).get(name, [""])[0]


async def secret_in_body(site: Site) -> object:
    return await form(site, "client_secret")


async def signs_with(site: Site) -> object:
    return jwt.get_unverified_header(await form(site, "client_assertion"))["alg"]


async def signs_for(site: Site) -> object:
    said = jwt.decode(await form(site, "client_assertion"), options={"verify_signature": False})
    return said["aud"] == "them"


async def left(site: Site) -> object:
    assert (await site.ask("/start")).status == 303  # the provider is known
    reply = await site.ask("/out", {"accept": "text/html"})
    query = parse_qs(urlsplit((reply.get(b"location") or b"").decode()).query)
    return query.get("post_logout_redirect_uri")


async def page(site: Site) -> object:
    return (await site.ask("/", {"accept": "text/html"})).status


def old(provider: LyingProvider) -> None:
    provider.claims = {"iat": int(time()) - 300, "exp": int(time()) - 60}


def without_role(provider: LyingProvider) -> None:
    provider.claims = {"role": None}
    provider.userinfo = {"sub": "ada", "role": "boss"}


def slow(provider: LyingProvider) -> None:
    provider.delay_s = 0.4


def of_openid(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object] = OPENID,
    upstreams: Mapping[str, Start] = THERE_TOO,
) -> Row:
    """A row of one key of a provider."""
    at = f"{AT}.claims.sub" if key == "claims.*" else ""
    return Row(f"{KEY}.openid.{key}", values, seen, probe, given, at, upstreams)


BY_KEY = UNPROVEN | {f"{AT}.client.key": private_pem(private_key("RS256"))}
OPENID_ROWS = (
    of_openid("issuer", ("<issuer>", "<issuer>/none"), (303, 503), started),
    of_openid(
        "service",
        ("auth", "nobody"),
        (303, 503),
        started,
        OPENID | {"services.auth.url": "<issuer>", "services.nobody.url": "<backend>"},
    ),
    of_openid("client.id", ("me", "us"), ("me", "us"), asked("client_id")),
    of_openid("client.secret", ("one", "two"), ("shop:one", "shop:two"), basic, UNPROVEN),
    of_openid("client.by", (UNSET, "post"), ("", "the-secret"), secret_in_body),
    of_openid("client.key", (FIRST, SECOND), ("ES256", "ES384"), signs_with, UNPROVEN),
    of_openid("client.algorithm", (UNSET, "PS512"), ("RS256", "PS512"), signs_with, BY_KEY),
    of_openid("client.audience", (UNSET, "them"), (False, True), signs_for, BY_KEY),
    of_openid(
        "callback",
        ("https://a.test/back", "https://b.test/back"),
        ("https://a.test/back", "https://b.test/back"),
        asked("redirect_uri"),
    ),
    of_openid(
        "scopes", (UNSET, ["openid", "roles"]), ("openid profile email", "openid roles"), asked("scope")
    ),
    of_openid("claims.*", ("/sub", "/role"), ("ada", "agent"), told("x-user-id")),
    of_openid(
        "userinfo", (UNSET, True), (None, "boss"), told("x-user-role"), upstreams=provided(without_role)
    ),
    of_openid("algorithms", (UNSET, ["ES256"]), (303, 401), came_back),
    of_openid("leeway", ("10m", "0s"), (303, 401), came_back, upstreams=provided(old)),
    of_openid("patience", (UNSET, "1m"), ("Max-Age=600", "Max-Age=60"), login_cookie_age),
    of_openid("cookie", (UNSET, "__Host-begun"), (False, True), login_cookie_name),
    of_openid("after_login", (UNSET, "/home"), ("/", "/home"), arrived),
    of_openid("after_logout", (UNSET, "https://shop.test/bye"), (None, ["https://shop.test/bye"]), left),
    of_openid("redirect", (UNSET, "/start"), (401, 303), page),
    of_openid("timeout", (UNSET, "50ms"), (303, 503), started, upstreams=provided(slow)),
    of_openid(
        "plain_http",
        (True, UNSET),
        (503, REFUSED),
        started,
        OPENID | {f"{AT}.issuer": "http://0.0.0.0:9"},
        {"backend": Upstream},
    ),
)

# -- routes


def both(
    key: str,
    values: tuple[object, object],
    seen: tuple[object, object],
    probe: Probe,
    given: Mapping[str, object],
    upstreams: Mapping[str, Start] = THERE_TOO,
) -> tuple[Row, ...]:
    """A row of `defaults` and one of a route."""
    return tuple(
        Row(f"{section}.{key}", values, seen, probe, given, f"{place}.{key}", upstreams)
        for section, place in (("defaults", "defaults"), ("routes[]", "routes[0]"))
    )


def two_providers() -> dict[str, object]:
    """Two identities at one provider: `users` is the shop there, `others` is the stall."""
    session = {
        "secret": SECRET,
        "cookie": "__Host-other",
        "openid": {
            "issuer": "<issuer>",
            "client": {"id": "stall", "secret": "the-secret"},
            "callback": "https://stall.test/back",
            "cookie": "__Host-other-login",
        },
    }
    given = {key: value for key, value in OPENID.items() if not key.startswith("routes")}
    return {**given, "identity.others.session": session}


async def start_of(site: Site) -> object:
    reply = await site.ask("/")
    return parse_qs(urlsplit((reply.get(b"location") or b"").decode()).query)["client_id"]


async def callback_of(site: Site) -> object:
    return (await site.ask("/?state=none")).get(b"www-authenticate")


async def end_of(site: Site) -> object:
    provider = provider_of(site)
    provider.claims = {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "jti": "j-1"}
    body = f"logout_token={provider.id_token()}".encode()
    return (await site.ask("/", method="POST", body=body)).status


TWO: dict[str, object] = {"identity.users.session.secret": SECRET, "identity.others.session.secret": OTHER}
OTHERS = {"cookie": "__Host-other", "csrf_cookie": "__Host-other-csrf"}
TWO_SESSIONS = TWO | {f"identity.others.session.{key}": name for key, name in OTHERS.items()}
ROUTE_ROWS = (
    *both(
        "session",
        ("off", {"login": "users"}),
        ([], ["__Host-csrf", "__Host-session"]),
        cookies,
        {"identity.users.session.secret": SECRET},
        THERE,
    ),
    *both(
        "session.login",
        ("users", "others"),
        (["__Host-csrf", "__Host-session"], ["__Host-other", "__Host-other-csrf"]),
        cookies,
        TWO_SESSIONS,
        THERE,
    ),
    *both(
        "session.logout",
        ("others", "users"),
        ([200, 200], [200, 401]),
        after_a_sign_out,
        TWO_SESSIONS | USERS,
        {"backend": Upstream},
    ),
    *both(
        "session.csrf",
        ("others", "users"),
        (403, 200),
        used(),
        TWO_SESSIONS | USERS,
        {"backend": Upstream},
    ),
    *both("session.start", ("users", "others"), ([CLIENT], ["stall"]), start_of, two_providers()),
    *both(
        "session.callback",
        ("users", "others"),
        (b'Cookie realm="users"', b'Cookie realm="others"'),
        callback_of,
        two_providers(),
    ),
    *both("session.backchannel", ("users", "others"), (200, 400), end_of, two_providers()),
)

ROWS = (*SESSION_ROWS, *OPENID_ROWS, *ROUTE_ROWS)
