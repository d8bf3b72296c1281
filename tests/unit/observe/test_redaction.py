"""What is hidden, and what is not."""

from __future__ import annotations

import pytest

from portico.observe.redaction import HIDDEN, Redaction


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWORD", "newPassword", "password_confirmation", "authorization", "Proxy-Authorization",
        "cookie", "Set-Cookie", "creditCard", "credit_card", "credit-card-number", "cvv", "CVV2", "ssn", "user_ssn",
        "X-Api-Key", "apiKey", "client_secret", "access_token",
    ],
)  # fmt: skip
def test_names_of_secrets_hide(name: str) -> None:
    assert Redaction().hides(name)


@pytest.mark.parametrize(
    "name", ["user", "className", "pass", "card", "content-type", "", "session", "lessons"]
)
def test_other_names_do_not(name: str) -> None:
    assert not Redaction().hides(name)


def test_the_configuration_adds_names() -> None:
    assert Redaction(["Date-Of-Birth", ""]).hides("dateOfBirth")
    assert not Redaction().hides("dateOfBirth")
    assert not Redaction([""]).hides("user")


def test_nested_values_are_hidden_however_deep() -> None:
    shown = Redaction().value({"user": {"name": "a", "Password": "x", "cards": [{"cvv": 1}]}, "cookie": None})
    assert shown == {
        "user": {"name": "a", "Password": HIDDEN, "cards": [{"cvv": HIDDEN}]},
        "cookie": HIDDEN,
    }


def test_what_is_too_deep_or_endless_is_cut_off() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    many: list[object] = []
    many.append(many)
    assert "…" in str(Redaction().value(endless))
    assert "…" in str(Redaction().value(many))


def test_values_become_what_json_can_hold() -> None:
    shown = Redaction().value(
        {"a": float("nan"), "b": b"\xff", "c": {1}, "d": ValueError("x"), 5: (True, None)}
    )
    assert shown == {"a": "nan", "b": "\\xff", "c": [1], "d": "x", "5": [True, None]}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/x?password=1&a=2", f"/x?password={HIDDEN}&a=2"),
        ("/x?a=2&Password=1#b", f"/x?a=2&Password={HIDDEN}#b"),
        ("/x?pass%77ord=1", f"/x?pass%77ord={HIDDEN}"),
        ("/x?user[password]=1&b=2", f"/x?user[password]={HIDDEN}&b=2"),
        ("/x?user%5Bcvv%5D=1", f"/x?user%5Bcvv%5D={HIDDEN}"),
        ("/x?a=1;ssn=2;b=3", f"/x?a=1;ssn={HIDDEN};b=3"),
        ("/x?a=password&b=cvv", "/x?a=password&b=cvv"),
        ("http://me:secret@host/x", f"http://{HIDDEN}@host/x"),
        ("see http://h/x?ssn=1 and /y?cvv=2 there", f"see http://h/x?ssn={HIDDEN} and /y?cvv={HIDDEN} there"),
    ],
)
def test_parameters_of_urls_are_hidden(url: str, shown: str) -> None:
    assert Redaction().text(url) == shown


@pytest.mark.parametrize(
    ("query", "hides"),
    [
        (b"", False), (b"a=1&b=2", False), (b"a=1&password=2", True), (b"a=1;password=2", True),
        (b"pass%77ord=1", True), (b"user%5Bpassword%5D=1", True), (b"user.password=1", True),
        (b"\xff=1", False), (b"password", True),
    ],
)  # fmt: skip
def test_a_query_is_judged_by_the_names_in_it(query: bytes, hides: bool) -> None:
    redaction = Redaction()
    assert redaction.query_hides(query) is hides
    assert redaction.query_hides(query) is hides


def test_clients_cannot_grow_what_is_remembered() -> None:
    redaction = Redaction()
    for number in range(5000):
        redaction.query_hides(b"n%d=1" % number)
        redaction.hides(f"n{number}")
    assert len(redaction.parameters) <= 4096
    assert redaction.query_hides(b"n4999=1&password=1")


def test_header_fields_are_shown_by_name_and_urls_in_them_cleaned() -> None:
    fields = [(b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"x"), (b"referer", b"http://h/?cvv=123")]
    assert Redaction().fields(fields) == {
        "accept": "a, b",
        "cookie": HIDDEN,
        "referer": f"http://h/?cvv={HIDDEN}",
    }
