"""The grid (P1) meter of the house: what other edges send, and what the server makes of it.

=========== ======================================================================
``samples`` stores what an edge of other make sends, which keeps nothing back
=========== ======================================================================

``database.p1_samples`` is the table; the batches of our own edge come by ``api.ingest``.
"""
