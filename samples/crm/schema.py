"""The tables of the crm service. Every row carries its tenant, and every query asks for it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, MetaData, String, Table, Text, UniqueConstraint

from samples.platform.database import UtcTime

metadata = MetaData()

companies = Table(
    "crm_companies",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant_id", String(255), nullable=False),
    Column("name", String(200), nullable=False),
    Column("website", String(200)),
    Column("phone", String(200)),
    Column("notes", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("tenant_id", "name"),
)

contacts = Table(
    "crm_contacts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant_id", String(255), nullable=False),
    Column("company_id", String(36), ForeignKey("crm_companies.id")),
    Column("name", String(200), nullable=False),
    Column("email", String(254)),
    Column("phone", String(200)),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("ix_crm_contacts_tenant", "tenant_id", "name"),
    Index("ix_crm_contacts_company", "company_id"),
)
