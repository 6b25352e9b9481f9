"""What is computed at night, of a house's whole history: ``python -m server.nightly``.

``jobs`` lists them; ``runner`` runs each for each device, in a transaction of its own; ``days``
knows which local days changed since a job last saw them. A job of a new capability is a module
here, and a line in ``jobs``.
"""
