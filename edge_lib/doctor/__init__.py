"""The checks of ``edge.py doctor``, and how they are run and printed."""
