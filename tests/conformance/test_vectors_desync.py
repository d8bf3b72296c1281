"""http-desync-guardian: severe requests are refused and the connection closed, compliant and acceptable ones pass."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .lanes import USUAL, Lanes, opened
from .vectors import Vector, desync, needs, outcome

VECTORS = list(desync(needs("desync-guardian")))

# File and number → why we differ. Anything else that differs fails.
_BAD_NAME = "a field name that is no token (RFC 9112 section 5.1: 400)"
_BAD_VALUE = "a control character in a field value (RFC 9110 section 5.5: may be refused)"
_VERSION = "a version other than HTTP/1.0 and 1.1"
_CODING = "a transfer coding other than one chunked is not known here (RFC 9112 section 6.1: 501)"
_LINE = "a request line that is not METHOD SP TARGET SP VERSION (RFC 9112 section 3: 400)"

DEVIATIONS = {
    "acceptable-1": _BAD_NAME,
    "acceptable-2": _BAD_NAME,
    "acceptable-3": _BAD_NAME,
    "acceptable-4": _BAD_NAME,
    "acceptable-7": _VERSION,
    "acceptable-8": _VERSION,
    "bad-header-characters-12": _BAD_NAME,
    "bad-header-characters-13": _BAD_NAME,
    "bad-header-characters-14": _BAD_VALUE,
    "bad-header-characters-15": _BAD_VALUE,
    "more-compliant-tests-6": _CODING,
    "more-compliant-tests-8": _CODING,
    "more-compliant-tests-9": _CODING,
    "more-compliant-tests-10": _CODING,
    "rfc-compliant-9": _CODING,
    "rfc-compliant-10": _CODING,
    "rfc-compliant-11": _CODING,
    "rfc-compliant-12": "a fragment in the target (RFC 3986 section 3.5)",
    "rfc-compliant-14": _LINE,
    "uri-specific-test-cases-2": _LINE,
    "uri-specific-test-cases-4": _LINE,
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lanes() -> AsyncIterator[Lanes]:
    """With the limits that a user gets."""
    async with opened(1, USUAL) as found:
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("vector", [pytest.param(one, id=one.id) for one in VECTORS])
async def test_vector(lanes: Lanes, vector: Vector) -> None:
    async with lanes.lane() as lane:
        found, reply = await outcome(lane.running.port, vector.data)
        seen = await lane.take()
    assert len(seen) <= 1, "the service saw a request that nobody sent"
    assert (found == "accepted") == (len(seen) == 1)
    if found == "refused":
        assert reply is not None
        assert reply.get(b"connection") == b"close"
    wanted = {"severe": "refused", "compliant": "accepted", "acceptable": "accepted"}.get(
        vector.expected, found
    )
    if (found == wanted) == (vector.id in DEVIATIONS):
        pytest.fail(f"{vector.expected} -> {found}: {vector.data!r}", pytrace=False)
