"""What the venue service opens when it starts: its database, with the seed in it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request

from samples.platform.clock import utc_now
from samples.platform.database import Database, open_database, upsert_into
from samples.venues.schema import members, metadata, venues
from samples.venues.settings import VenueSettings, read_venue_settings

NAME = "venues"


@asynccontextmanager
async def open_venues(app: Starlette) -> AsyncIterator[None]:
    """The lifespan of the application."""
    settings = read_venue_settings(NAME, os.environ)
    database = await open_database(settings.database_url, metadata)
    try:
        await _sow(database, settings)
        app.state.database = database
        yield
    finally:
        await database.close()


async def _sow(database: Database, settings: VenueSettings) -> None:
    """Put the seed in, where it is not there yet. Two processes may do it at once."""
    now = utc_now()
    for seed in settings.seed:
        async with database.writing() as connection:
            await connection.execute(
                upsert_into(connection, venues)
                .values(
                    id=seed.id,
                    tenant_id=settings.tenant_id,
                    name=seed.name,
                    tier=seed.tier,
                    created_at=now,
                    updated_at=now,
                )
                .on_conflict_do_nothing()
            )
            for user, role in seed.members.items():
                await connection.execute(
                    upsert_into(connection, members)
                    .values(venue_id=seed.id, user_id=user, role=role)
                    .on_conflict_do_nothing()
                )


def database_of(request: Request) -> Database:
    database: Database = request.app.state.database
    return database
