"""Alerts: what is wrong with a house or the server, told to its owner. ``python -m server.alerts``.

``rules`` says what is wrong, each rule by itself, over the evidence (``evidence``, ``hours``,
``gather``, ``outside``) of one house or of the server. ``states`` turns that into episodes,
``notices`` decides who hears of them and when, ``texts`` writes the message, and ``evaluate`` does
all of it in one transaction. ``replay`` does the same over the past, and changes nothing.
"""
