"""The crm service: the companies that are served and the people there. Endpoints under `/api/v1/crm`:

    GET|POST /companies    GET|PUT|DELETE /companies/{id}
    GET|POST /contacts     GET|PUT|DELETE /contacts/{id}

Agents and above read and write, managers and above delete; for a `user` all of it is 403, and another
tenant's objects are 404. Beside them `GET /health` and `GET /api/v1/crm/health`, which need no token.
Environment: `JWT_SECRET`, `JWT_ISSUER`, `CRM_DATABASE_URL` or `DATABASE_URL`.
"""

from __future__ import annotations

from samples.crm import companies, contacts
from samples.crm.schema import metadata
from samples.platform.service import build_service

app = build_service(
    "crm", tables=metadata, routes=[*companies.routes, *contacts.routes], health_at="/crm/health"
)
