"""The table: one row for each key of the language. A key without a row, or a row without a key, fails a test."""

from tests.wired import (
    access_rows,
    credential_rows,
    development_rows,
    dpop_rows,
    gateway_rows,
    identity_rows,
    limit_rows,
    listen_rows,
    process_rows,
    route_rows,
    service_rows,
    signature_rows,
    store_rows,
    token_rows,
    user_rows,
    venue_rows,
)

ROWS = (
    *gateway_rows.ROWS,
    *listen_rows.ROWS,
    *identity_rows.ROWS,
    *process_rows.ROWS,
    *development_rows.ROWS,
    *service_rows.ROWS,
    *route_rows.ROWS,
    *limit_rows.ROWS,
    *store_rows.ROWS,
    *signature_rows.ROWS,
    *token_rows.ROWS,
    *credential_rows.ROWS,
    *dpop_rows.ROWS,
    *access_rows.ROWS,
    *venue_rows.ROWS,
    *user_rows.ROWS,
)
