"""The grid (P1) meter of the house: what other edges send, and what the server makes of it.

============= ======================================================================
``routes``    all endpoints: the API of P1-Edge-VPS under ``/p1/``
``asking``    who sends and reads, and by which name
``ingest``    readings of an edge of other make, which repeats what is not taken
``latest``    the newest reading, the energies of today, the health
``series``    hours, days and months; ``history`` makes them
``month``     the quarter hours of a month
``capacity``  what one pays by quarter hours: ``peaks`` decides, ``months`` remembers
``samples``   stores what an edge of other make sends, which keeps nothing back
``importing`` its history, from a file: ``python -m server.p1 import``; ``csv_lines``
============= ======================================================================

``database.p1_samples`` is the table; the batches of our own edge come by ``api.ingest``.
"""
