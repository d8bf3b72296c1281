"""The tables of the venue service. A venue is its tenant's; a membership is a user's at a venue."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, MetaData, PrimaryKeyConstraint, String, Table

from samples.platform.database import UtcTime

metadata = MetaData()

venues = Table(
    "venue_venues",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant_id", String(255), nullable=False),
    Column("name", String(200), nullable=False),
    Column("tier", String(20), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("ix_venue_venues_tenant", "tenant_id", "name"),
)

members = Table(
    "venue_members",
    metadata,
    Column("venue_id", String(36), ForeignKey("venue_venues.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("role", String(40), nullable=False),
    PrimaryKeyConstraint("venue_id", "user_id"),
)
