"""The auth service: accounts, passwords, and the access tokens of the platform. Under `/api/v1/auth`:

    POST /register          public   an account with the role `user`; 201 with a token
    POST /login             public   a token for e-mail and password
    POST /forgot-password   public   202, whether the address is known or not
    POST /reset-password    public   a new password for a reset token
    POST /verify-email      public   an address confirmed by a verification token
    POST /logout            token    204
    GET  /me, PUT /me       token    the caller's own account
    POST /change-password   token    204

The same under `/auth`, for a gateway that strips the prefix; and for the gateway alone `GET /users/{id}`.

Left out: `POST /refresh` and the revocation of tokens, which the gateway does, because it alone sees every
request. So logging out or changing the password here does not end a token before its time.

Beside them `GET /health` and `GET /api/v1/auth/health`, which need no token. The environment is listed in
`settings`. Reset and verification tokens are kept as digests, expire, and work once; they leave in the
answer with `AUTH_DEVELOPMENT=1`, and otherwise as a message file in the outbox (`outbox`).
"""

from __future__ import annotations

from samples.auth import own_account, recovery, sign_in, users
from samples.auth.opening import open_auth
from samples.auth.schema import metadata
from samples.platform.service import build_service

app = build_service(
    "auth",
    tables=metadata,
    routes=[*sign_in.routes, *recovery.routes, *own_account.routes],
    health_at="/auth/health",
    start=open_auth,
    at_root=True,
    internal=users.routes,
)
