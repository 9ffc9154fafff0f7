"""Run by alembic with the connection that `askless.store.log` hands over."""

from alembic import context

from askless.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
