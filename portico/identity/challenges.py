"""What a client that has proven nobody is shown in WWW-Authenticate (RFC 9110 section 11.6.1)."""

from __future__ import annotations

from portico.exchange.failure import Failure


def challenged(failure: Failure, challenge: bytes) -> Failure:
    """The failure with this challenge."""
    return failure.saying(failure.text, (b"www-authenticate", challenge))


def token_refused(failure: Failure, challenge: bytes, description: bytes) -> Failure:
    """The failure of a token that came and was not accepted (RFC 6750 section 3.1)."""
    return challenged(
        failure, b'%b, error="invalid_token", error_description="%b"' % (challenge, description)
    )
