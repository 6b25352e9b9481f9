"""Alerts: what is wrong with a house or the server, told to its owner. ``python -m server.alerts``.

``rules`` says what is wrong, each rule by itself, over the evidence (``evidence``, ``hours``,
``gather``, ``outside``) of one house or of the server. ``states`` turns that into episodes,
``notices`` decides who hears of them and when, ``texts`` writes the message, and ``evaluate`` does
all of it in one transaction. ``replay`` does the same over the past, and changes nothing.

``run`` is what happens once a minute: ``evaluate``, then ``deliver`` sends what is due by
``channels`` (claimed, committed, sent, recorded: whatever ends the process in between, no message
is lost, and one that comes twice has the same id), then ``deadman`` pings. ``statefile`` is the one
alarm that has to do without the database. ``settings`` reads ``ALERT_*`` and ``RULE_*``.
"""
