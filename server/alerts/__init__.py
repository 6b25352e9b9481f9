"""Alerts: ``python -m server.alerts run``, once a minute, by a unit of its own.

============ ==========================================================================
``settings`` what ``ALERT_*`` and ``RULE_*`` say; ``names`` of rules and channels
``run``      one run: the rules, then what is due, then the dead-man's ping
``deliver``  sends what is due, by ``outbox`` (its statements) and ``channels``
``fate``     what becomes of a message whose episode changed meanwhile
``statefile`` the one alarm that has to do without the database
``commands`` ``list``, ``test``, ``silence``
============ ==========================================================================

A change of an episode and its messages are stored in one transaction; messages are sent
afterwards: claimed, committed, sent, recorded. Whatever ends the process in between, no message is
lost, and one that comes twice has the same id.
"""
