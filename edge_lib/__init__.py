"""The edge: the map of its rooms, and its version. This file imports nothing.

- ``shared``: all that the server imports too: the sample, settings, log lines, command names
- ``dongle``: a driver: the Modbus connection, the register map, decoding
- ``p1``: the grid meter: telegrams, the lines they come on, the reader; ``p1_config`` its settings
- ``spool``: a durable queue in SQLite; ``spool/recovery`` is for ill disks
- ``upload``: batches, HTTPS, the server's proof, and comparing with the server
- ``doctor``, ``simulator``, ``commands``, ``p1_commands``: never in the service
- ``poller``, ``device``: one poll; ``p1_poller``: one interval of the grid meter
- ``server_watch``, ``watch_config``: tells on a channel of the edge's own that the server is silent
- ``poll_counts``, ``health``: the edge's own figures
- ``config``, ``clock``, ``address_lock``, ``systemd``, ``repeat_log``, ``best_effort``: what all
  of them use

The way of a reading: ``Poller`` reads words (``dongle/inverter``), decodes (``dongle/decode``) and
checks them (``shared/sample``), then ``Spool.put`` -> insert -> commit. ``Uploader`` takes a batch
of ``Spool.oldest`` or ``newest``, posts it, and hands ``Spool.delivered`` what the answer proves
(``upload/receipt``). One of the grid meter goes the same way, in tables of its own
(``spool/kinds``) and a list of its own (``upload/meter_lane``). A reading is stored before anything
is counted, learnt or logged, and what fails there fails alone (``best_effort``). ``ConfigError``
stops the program, ``InverterError`` fails a poll, ``P1Error`` an interval of the grid meter,
``SpoolError`` a step of the upload, never a poll; ``UploadRetry`` keeps all and backs off,
``UploadRefused`` parks readings or halves the batch.
"""

VERSION = "0.1.0"
