"""Bodies and queries: what fits, and how a failure is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest
from pydantic import ValidationError
from starlette.requests import Request

from samples.platform.errors import InvalidError
from samples.platform.fields import Body, Change, Email, FilledText, Instant, Line, ObjectId
from samples.platform.listing import AnyOf, ListQuery, read_query


class Wanted(Body):
    """A body with one field of each kind."""

    title: Line = "x"
    body: FilledText = "x"
    company_id: ObjectId = ""
    email: Email = ""
    due_at: Instant = datetime(2030, 1, 1, tzinfo=UTC)


class Altered(Change):
    """A change with two fields."""

    title: Line = "x"
    another: Line | None = None


class Query(ListQuery):
    """A query with one filter."""

    color: AnyOf[Literal["red", "blue"]] = ()


def failures(json: str) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refused:
        Wanted.model_validate_json(json)
    return [(failure.field, failure.rule) for failure in InvalidError.of(refused.value).failures]


def query(text: str) -> Query:
    return read_query(Request({"type": "http", "query_string": text.encode(), "headers": []}), Query)


def test_values_are_brought_into_one_form() -> None:
    got = Wanted.model_validate_json(
        """{"title": "  a  ", "body": "b\\n", "companyId": "6F2C0AB0-1B5F-4A52-9C6B-D0B1F6A6C001",
            "email": " Ada@Example.COM ", "dueAt": "2030-06-01T12:00:00+02:00"}"""
    )
    assert (got.title, got.body, got.email) == ("a", "b", "ada@example.com")
    assert got.company_id == "6f2c0ab0-1b5f-4a52-9c6b-d0b1f6a6c001"
    assert got.due_at == datetime(2030, 6, 1, 10, tzinfo=UTC)
    assert got.due_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("json", "expected"),
    [
        ('{"title": " "}', ("title", "string_too_short")),
        ('{"title": "a\\u0000"}', ("title", "nul_character")),
        ('{"title": null}', ("title", "string_type")),
        ('{"due_at": "x"}', ("due_at", "extra_forbidden")),
        ('{"companyId": "6f2c0ab01b5f4a529c6bd0b1f6a6c001"}', ("companyId", "uuid_form")),
        ('{"email": "ada@example"}', ("email", "email_form")),
        ('{"email": "a@b@c.d"}', ("email", "email_form")),
        ('{"email": "a b@c.d"}', ("email", "email_form")),
        ('{"dueAt": "2030-06-01T12:00:00"}', ("dueAt", "timezone_aware")),
        ('{"dueAt": 1893456000}', ("dueAt", "datetime_type")),
        ('{"dueAt": "0001-01-01T00:00:00+14:00"}', ("dueAt", "instant_range")),
        ("[]", ("body", "model_type")),
    ],
)
def test_failures_have_the_callers_names(json: str, expected: tuple[str, str]) -> None:
    assert failures(json) == [expected]


def test_a_failure_repeats_the_first_on_top() -> None:
    with pytest.raises(ValidationError) as refused:
        Wanted.model_validate_json('{"title": "", "body": ""}')
    details = InvalidError.of(refused.value).details()
    assert details.keys() == {"field", "message", "errors"}
    assert details["field"] == details["errors"][0]["field"] == "title"
    assert details["message"] == details["errors"][0]["message"]
    assert [failure["field"] for failure in details["errors"]] == ["title", "body"]


def test_a_change_knows_what_was_sent() -> None:
    assert Altered.model_validate_json("{}").sent() == {}
    assert Altered.model_validate_json('{"another": null}').sent() == {"another": None}
    assert Altered.model_validate_json('{"title": "y"}').sent() == {"title": "y"}


def test_queries() -> None:
    assert query("") == Query()
    got = query("page=3&limit=100&sortOrder=asc&color=red&color=blue&unknown=1")
    assert (got.page, got.limit, got.sort_order, got.color) == (3, 100, "asc", ("red", "blue"))
    assert query("color=red,%20blue").color == ("red", "blue")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("page=0&limit=1000", ["page", "limit"]),
        ("page=1&page=2", ["page"]),
        ("sortOrder=", ["sortOrder"]),
        ("color=red,green,pink", ["color.1", "color.2"]),
        ("color=" + ",".join(["red"] * 21), ["color"]),
        ("sort_order=down&page=x", ["page"]),
    ],
)
def test_wrong_queries(text: str, fields: list[str]) -> None:
    with pytest.raises(InvalidError) as refused:
        query(text)
    assert [failure.field for failure in refused.value.failures] == fields
