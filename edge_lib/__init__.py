"""The edge's rooms, and what it shares with the server. This file imports nothing.

One reading goes through them in this order:

=============== =========================================================== ==================
module          owns                                                        runs in
=============== =========================================================== ==================
``config``      the settings, read once from the environment                main
``clock``       every clock; nobody else reads one                          any thread
``inverter``    the one Modbus connection, and the pauses on it             poll
``registers``   the Sungrow register map: data                              any
``decode``      words -> values; pure                                       poll
``sample``      the contract of a sample; the server imports it too         any, and the server
``spool``       the one SQLite connection, behind one lock                  poll and upload
``upload``      the one HTTPS session, and what its answers prove           upload
``health``      health.json                                                 poll and upload
``jsonlog``     one JSON object a log line; the server imports it too       any, and the server
``simulator``   the fake dongle, and ``household``, which lives behind it   never in the service
=============== =========================================================== ==================

What may fail, and who hears of it: ``ConfigError`` stops the program, ``InverterError`` fails one
poll, ``UploadRetry`` keeps everything and backs off, ``UploadRefused`` parks samples.
The server imports ``sample``, ``jsonlog`` and this file's ``VERSION``, and nothing else from here.
"""

VERSION = "0.1.0"
