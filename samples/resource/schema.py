"""The table of the resource service. Every row carries its service and its tenant, and every query asks for both."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, MetaData, String, Table

from samples.platform.database import UtcTime

metadata = MetaData()

objects = Table(
    "resource_objects",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("service", String(40), nullable=False),
    Column("tenant_id", String(255), nullable=False),
    Column("venue_id", String(255)),
    Column("status", String(40), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("ix_resource_objects_tenant", "service", "tenant_id", "venue_id", "created_at"),
)
