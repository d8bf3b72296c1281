"""Sign-ins that are under way: what their cookies are good for, and where they may lead."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.identity.logins import MOST_AT_ONCE, Logins, Targets, is_local
from tests.unit.identity.signing import NOW

OLD, NEW = b"the older secret of the tests, long enough", b"the newer secret of the tests, long enough"


def logins(about: str = "browsers https://issuer.test", *signing: bytes) -> Logins:
    return Logins(about, signing or (NEW, OLD), "__Host-login", 600.0)


def test_a_cookie_gives_back_what_was_begun() -> None:
    login, value = logins().begin("/a?b=c#d", NOW)
    assert logins().read(value, login.state, NOW + 599) == login
    assert login.target == "/a?b=c#d"
    assert logins().cookie_of(login.state) == f"__Host-login-{login.state[:16]}"


def test_everything_about_a_sign_in_is_its_own() -> None:
    first, value = logins().begin("/", NOW)
    second, _ = logins().begin("/", NOW)
    names = [
        name for login in (first, second) for name in (login.state, login.nonce, login.verifier, login.id)
    ]
    assert len(set(names)) == len(names)
    assert not any(secret in value for secret in (first.nonce, first.verifier, first.state))


def test_the_challenge_is_the_hash_of_a_verifier_that_is_long_enough() -> None:
    login, _ = logins().begin("/", NOW)
    digest = hashlib.sha256(login.verifier.encode()).digest()
    assert login.challenge == urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert 43 <= len(login.verifier) <= 128  # RFC 7636 section 4.1


def test_its_time_is_over() -> None:
    login, value = logins().begin("/", NOW)
    assert logins().read(value, login.state, NOW + 600) is None


def test_it_is_only_for_its_state_and_its_provider() -> None:
    login, value = logins().begin("/", NOW)
    other, _ = logins().begin("/", NOW)
    assert logins().read(value, other.state, NOW) is None
    assert logins("browsers https://other.test").read(value, login.state, NOW) is None
    assert logins("browsers https://other.test").begin("/", NOW)[0].state != login.state


def test_older_secrets_end_what_they_have_begun() -> None:
    login, value = logins("a", OLD).begin("/", NOW)
    assert logins("a", NEW, OLD).read(value, login.state, NOW) == login
    assert logins("a", NEW).read(value, login.state, NOW) is None


@given(st.text(max_size=200), st.integers(0, 200))
def test_a_cookie_that_was_changed_is_none(written: str, place: int) -> None:
    login, value = logins().begin("/home", NOW)
    changed = value[:place] + written + value[place + 1 :]
    if changed != value:
        assert logins().read(changed, login.state, NOW) is None


def test_of_too_many_the_oldest_go() -> None:
    made = [logins().begin("/", NOW + number) for number in range(MOST_AT_ONCE + 2)]
    cookies = [(logins().cookie_of(login.state), value) for login, value in made]
    others = [("__Host-session", "x"), ("theme", "a.1.b")]
    assert logins().surplus([*others, *cookies[: MOST_AT_ONCE - 1]]) == []
    assert logins().surplus([*cookies, *others]) == [name for name, _ in cookies[:3]]
    broken = [(f"__Host-login-{number}", value) for number, value in enumerate(("", "a.x.b", "a.٣.b", "a.9"))]
    assert set(logins().surplus([*broken, *cookies])) >= {name for name, _ in broken[:3]}


@pytest.mark.parametrize(
    ("target", "good"),
    [
        ("/", True),
        ("/a/b?c=d#e", True),
        ("/%2F%2Fevil.test", True),
        ("/.//evil.test", True),
        ("", False),
        ("a", False),
        ("//evil.test", False),
        ("/\\evil.test", False),
        ("/a\\b", False),
        ("/a b", False),
        ("/a\n", False),
        ("/\n", False),
        ("/\t/evil.test", False),
        ("/a\x00", False),
        ("/ä", False),
    ],
)
def test_a_path_of_this_site(target: str, good: bool) -> None:
    assert is_local(target) is good


@pytest.mark.parametrize(
    ("target", "good"),
    [
        ("https://app.test", True),
        ("https://app.test/", True),
        ("https://app.test/a?b#c", True),
        ("https://app.test?b", True),
        ("https://one.shop.test/", True),
        ("https://one.two.shop.test/", True),
        ("https://shop.test/", False),
        ("https://evilshop.test/", False),
        ("http://app.test/", False),
        ("https://app.test:8443/", False),
        ("https://app.test@evil.test/", False),
        ("https://evil.test#@app.test", False),
        ("https://evil.test\\@app.test/", False),
        ("https://app.test\n.evil.test/", False),
        ("https://app.test/\n", False),
        ("HTTPS://app.test/", False),
        ("https:app.test", False),
        ("javascript:alert(1)//https://app.test/", False),
        ("https://app.test/" + "x" * 1024, False),
    ],
)
def test_a_page_of_a_listed_origin(target: str, good: bool) -> None:
    assert Targets(["https://app.test", "https://*.shop.test"]).allow(target) is good
