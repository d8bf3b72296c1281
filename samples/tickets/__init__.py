"""The tickets service: tickets, the time worked on them, and the comments on them. 23 endpoints under
`/api/v1`, each with a token of the platform (`Authorization: Bearer`):

    1  GET    /tickets                              13  PUT    /time-entries/{id}
    2  POST   /tickets                              14  DELETE /time-entries/{id}
    3  GET    /tickets/{id}                         15  GET    /time-entries/unbilled
    4  PUT    /tickets/{id}                         16  GET    /time-entries
    5  DELETE /tickets/{id}                         17  GET    /tickets/{ticketId}/comments
    6  PATCH  /tickets/{id}/status                  18  POST   /tickets/{ticketId}/comments
    7  PATCH  /tickets/{id}/assign                  19  GET    /tickets/{ticketId}/comments/count
    8  GET    /tickets/{id}/activity                20  GET    /comments/{id}
    9  GET    /tickets/{id}/time-entries/summary    21  PUT    /comments/{id}
    10 GET    /tickets/{ticketId}/time-entries      22  DELETE /comments/{id}
    11 POST   /tickets/{ticketId}/time-entries      23  GET    /comments
    12 GET    /time-entries/{id}

Beside them `GET /health` and `GET /api/v1/tickets/health`, which need no token. Who may do what is in
`access`, a ticket's life in `status`. Lists take `page, limit, sortBy, sortOrder` and answer `{data, page,
limit, total}`; a PUT changes the fields that it sends. Environment: `JWT_SECRET`, `JWT_ISSUER`,
`TICKETS_DATABASE_URL` or `DATABASE_URL`.
"""

from __future__ import annotations

from samples.platform.service import build_service
from samples.tickets import activity, comments, tickets, time_entries
from samples.tickets.schema import metadata

app = build_service(
    "tickets",
    tables=metadata,
    routes=[*tickets.routes, *activity.routes, *time_entries.routes, *comments.routes],
    health_at="/tickets/health",
)
