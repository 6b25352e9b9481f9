"""What ``python -m server.doctor`` checks."""
