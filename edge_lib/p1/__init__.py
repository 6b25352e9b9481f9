"""The grid meter: telegrams, where they come from, and the reader. Only with ``P1_SOURCE``."""
