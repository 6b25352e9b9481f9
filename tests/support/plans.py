"""The plans of statements, and of all that their functions and triggers run."""

import collections
import json
from collections.abc import Callable

# auto_explain is a part of PostgreSQL; a superuser may load it.
_TELLING = {
    "client_min_messages": "notice",
    "auto_explain.log_level": "notice",
    "auto_explain.log_format": "json",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_min_duration": "0",  # the last, or it would tell of the others
}


def executed(connection, work: Callable) -> list[dict]:
    """Call ``work`` with a cursor, and roll back what it did.

    Returns:
        For each statement that ran, inner ones first, what auto_explain says: its ``Query Text``,
        and its ``Plan`` with times and rows.
    """
    # Of a list, psycopg2 would keep the last fifty.
    connection.notices, told = collections.deque(), connection.notices
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOAD 'auto_explain'")
            for name, value in _TELLING.items():
                cursor.execute("SELECT set_config(%s, %s, true)", (name, value))
            work(cursor)
    finally:
        connection.rollback()
        connection.notices, told = told, connection.notices
    return [json.loads(text[text.index("{") :]) for text in told if " plan:\n" in text]
