"""What ``edge.py doctor`` looks at, and how it tells."""
