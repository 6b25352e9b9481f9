"""A durable queue in SQLite: every reading, until the server has proved that it has it."""
