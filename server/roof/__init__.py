"""What each string of a roof gives, and where shade falls on it: pure functions.

``rows`` says what goes in and what comes out. ``digest`` makes one local day of five-minute rows
small; ``columns`` puts all days side by side; ``model`` is the clear sky; ``limited``, ``held`` and
``voltage`` tell where the inverter held back; ``shade`` with ``cells`` and ``evidence`` is the map,
``lately`` what is new in it; ``share``, ``yields``, ``losses``, ``changes``, ``fit`` and
``contradict`` find the rest; ``whole`` is all of it, ``analyse`` puts it into the answer, ``curve``
is one day. No database here.
"""
