"""Run by Alembic: apply migrations on the connection that `watchlists.migrations` hands over."""

from __future__ import annotations

from alembic import context

from watchlists.schema import metadata

# The caller's transaction spans all steps: a migration that fails leaves the database as it was.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
