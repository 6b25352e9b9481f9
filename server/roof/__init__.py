"""What each string of a roof gives, and where shade falls on it: pure functions.

``rows`` says what goes in and what comes out. ``digest`` makes one local day of five-minute rows
small; ``columns`` puts all days side by side; ``model`` is the clear sky; ``shade`` with ``sky`` and
``evidence`` is the map; ``share``, ``yields``, ``losses``, ``changes``, ``fit`` and ``contradict``
find the rest; ``analyse`` puts the result together, and ``curve`` is one day of it. No database here.
"""
