"""The tables of the tickets service. Every row carries its tenant, and every query asks for it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from samples.platform.database import UtcTime

metadata = MetaData()


def new_id() -> str:
    """A fresh UUID, as text."""
    return str(uuid4())


def _id() -> Column[str]:
    return Column("id", String(36), primary_key=True)


def _tenant() -> Column[str]:
    return Column("tenant_id", String(255), nullable=False)


def _of_ticket() -> Column[str]:
    return Column("ticket_id", String(36), ForeignKey("tickets.id", ondelete="CASCADE"), nullable=False)


def _user(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, String(255), nullable=nullable)


def _when(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, UtcTime, nullable=nullable)


ticket_numbers = Table(
    "ticket_numbers",
    metadata,
    Column("tenant_id", String(255), primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last number given out, one row per tenant: locked by the transaction that takes the next."""

tickets = Table(
    "tickets",
    metadata,
    _id(),
    _tenant(),
    Column("number", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("priority", String(20), nullable=False),
    Column("company_id", String(36)),
    _user("requester_id"),
    _user("assignee_id", nullable=True),
    Column("tags", JSON, nullable=False),
    _when("due_at", nullable=True),
    _when("created_at"),
    _when("updated_at"),
    UniqueConstraint("tenant_id", "number"),
    Index("ix_tickets_created", "tenant_id", "created_at"),
    Index("ix_tickets_status", "tenant_id", "status"),
    Index("ix_tickets_requester", "tenant_id", "requester_id"),
    Index("ix_tickets_assignee", "tenant_id", "assignee_id"),
)

comments = Table(
    "ticket_comments",
    metadata,
    _id(),
    _tenant(),
    _of_ticket(),
    _user("author_id"),
    Column("body", Text, nullable=False),
    Column("internal", Boolean, nullable=False),
    _when("created_at"),
    _when("updated_at"),
    Index("ix_ticket_comments_ticket", "ticket_id", "created_at"),
    Index("ix_ticket_comments_tenant", "tenant_id", "created_at"),
)

time_entries = Table(
    "ticket_time_entries",
    metadata,
    _id(),
    _tenant(),
    _of_ticket(),
    _user("user_id"),
    Column("minutes", Integer, CheckConstraint("minutes > 0"), nullable=False),
    Column("description", Text, nullable=False),
    Column("billable", Boolean, nullable=False),
    _when("billed_at", nullable=True),
    _when("worked_at"),
    _when("created_at"),
    Index("ix_ticket_time_entries_ticket", "ticket_id", "worked_at"),
    Index("ix_ticket_time_entries_tenant", "tenant_id", "worked_at"),
    Index("ix_ticket_time_entries_unbilled", "tenant_id", "billable", "billed_at"),
)

activity = Table(
    "ticket_activity",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _tenant(),
    _of_ticket(),
    _user("actor_id"),
    Column("action", String(40), nullable=False),
    Column("details", JSON, nullable=False),
    Column("internal", Boolean, nullable=False),
    _when("created_at"),
    Index("ix_ticket_activity_ticket", "ticket_id", "id"),
)
