"""Fetch an issuer's key set: from a place that is known, or from where the issuer's metadata says that it is.

What comes back is bounded, and believed only as far as `keys` and `discovery` say. No redirect is followed: a place
that is configured is the place that is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from portico.config.remotes import Remote
from portico.exchange.call import Answer, Call, CallFailedError

from .discovery import MetadataRefusedError, key_location, places
from .key_life import stated_life
from .keys import KeyRefusedError, KeySet
from .means import Means
from .remote_keys import KeysNotFetchedError

DOCUMENT_BYTES = 256 * 1024
_ACCEPT = (b"accept", b"application/jwk-set+json, application/json")


class IssuerCalls:
    """Calls to an issuer's own host, which may be a declared service, and to any other by its origin."""

    def __init__(self, means: Means, origin: str, service: str) -> None:
        self._means = means
        self._origin = origin
        self._issuer = means.call(service)

    def at(self, origin: str) -> Call:
        """Calls to this origin."""
        return self._issuer if origin == self._origin else self._means.call(origin)


class KeysAt:
    """The key set at `target` of the service that `call` calls."""

    def __init__(self, call: Call, target: str, timeout_s: float) -> None:
        self._call = call
        self._target = target
        self._timeout_s = timeout_s

    async def __call__(self) -> tuple[KeySet, float | None]:
        """As `remote_keys.Fetch` says."""
        answer = await _get(self._call, self._target, self._timeout_s)
        if answer.status != 200:
            raise KeysNotFetchedError(f"{self._target} answers {answer.status}")
        try:
            return KeySet.read(answer.body), stated_life(answer.fields)
        except KeyRefusedError as error:
            raise KeysNotFetchedError(f"{self._target} {error}") from None


class KeysOf:
    """The key set of an issuer that says itself where it is. `at` gives calls to an origin.

    `told` gets each of the issuer's metadata documents; it raises MetadataRefusedError for one that lacks something.
    """

    def __init__(
        self,
        issuer: str,
        where: Remote,
        at: Callable[[str], Call],
        *,
        plain_http: bool,
        timeout_s: float,
        told: Callable[[bytes], None] | None = None,
    ) -> None:
        self._issuer = issuer
        self._where = where
        self._at = at
        self._plain_http = plain_http
        self._timeout_s = timeout_s
        self._told = told

    async def __call__(self) -> tuple[KeySet, float | None]:
        """As `remote_keys.Fetch` says. The metadata is read anew each time: an issuer may move its keys."""
        document = await self._metadata()
        try:
            location = key_location(document, self._issuer, plain_http=self._plain_http)
            if self._told is not None:
                self._told(document)
        except MetadataRefusedError as error:
            raise KeysNotFetchedError(str(error)) from None
        return await KeysAt(self._at(location.origin), location.target, self._timeout_s)()

    async def _metadata(self) -> bytes:
        call = self._at(self._where.origin)
        found = []
        for target in places(self._where):
            answer = await _get(call, target, self._timeout_s)
            if answer.status == 200:
                return answer.body
            found.append(f"{target} answers {answer.status}")
        raise KeysNotFetchedError(", ".join(found))


async def _get(call: Call, target: str, timeout_s: float) -> Answer:
    try:
        return await call("GET", target, (_ACCEPT,), timeout_s=timeout_s, most_bytes=DOCUMENT_BYTES)
    except CallFailedError as error:
        raise KeysNotFetchedError(f"{target}: {error}") from None
