"""The edge's rooms, and what it shares with the server. This file imports nothing.

A reading goes through them in this order:

===================== ===================================================== ====================
module                owns                                                  runs in
===================== ===================================================== ====================
``env`` ``config``    the settings, read once from the environment          main
``clock``             every clock; nobody else reads one                    any thread
``polling``           one poll, from the wire to the spool                  poll
``inverter`` ``wire`` the one Modbus connection, and the pauses on it       poll
``block_plan`` (and   what this unit refuses, and what is read in its place poll
``pieces``)
``registers``         the Sungrow register map: data                        any
``decode`` ``battery`` words -> values; pure                                poll
``called``            what commands are called on this machine              any, and the server
``sample``            the contract of a sample                              any, and the server
``store`` ``keeper``  no reading refused, whatever the disk does: the spool, poll and upload
``ring`` ``ballast``  or memory in its place
``spool`` (and        the one SQLite connection, behind one lock; the       poll and upload
``spool_*``)          others hold its parts
``salvage*``          a damaged spool's readings and books, brought over    upload
``upload``            one batch a step                                      upload
``choice`` ``batch``  which readings it takes; how it is written            upload
``verdict``           what an answer proves; pure                           upload
``https``             the one HTTPS session; ``https_wire`` can cut it      upload
``health``            health.json                                           poll and upload
``notify``            what systemd hears: started, alive, stopping          main
``jsonlog`` ``repeat`` log lines, and repeated ones only now and then       any; ``log`` writes
``alone``             that what is done beside readings fails alone         poll and upload
``commands`` ``dump`` what ``edge.py`` does beside the service              never in the service
``doctor`` ``checks*`` what is wrong, and what to do about it               never in the service
``backup``            copies of the spool, and back from them               never in the service
``dongle_lock``       that only one process talks to the dongle             poll, commands
``simulator``         the fake dongle on ``modbus_server``; ``household``,  never in the service
                      ``surroundings``, ``house_registers``: its house
===================== ===================================================== ====================

What may fail, and who hears of it: ``ConfigError`` stops the program, ``InverterError`` fails one
poll, ``SpoolError`` one step of the upload (no poll hears of it), ``UploadRetry`` keeps everything
and backs off, ``UploadRefused`` parks samples or halves the batch. A reading is stored before
anything is counted, learnt or logged, and whatever goes wrong there goes wrong alone (``alone``).
The server imports ``env``, ``called``, ``sample``, ``jsonlog`` and this file's ``VERSION``, and
nothing else.
"""

VERSION = "0.1.0"
