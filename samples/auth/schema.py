"""The tables of the auth service. Neither a password nor a token is in them, only what was made of it."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, MetaData, String, Table

from samples.platform.database import UtcTime

metadata = MetaData()

accounts = Table(
    "auth_accounts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant_id", String(255), nullable=False),
    Column("email", String(254), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("email_verified_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

account_details = Table(
    "auth_account_details",
    metadata,
    Column("account_id", String(36), ForeignKey("auth_accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("venue_id", String(36)),
    Column("permissions", JSON, nullable=False),
)
"""What an operator has given to some accounts beside their role."""

one_time_tokens = Table(
    "auth_one_time_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account_id", String(36), ForeignKey("auth_accounts.id", ondelete="CASCADE"), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("email", String(254), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index("ix_auth_one_time_tokens_account", "account_id"),
)
