"""What ``python -m server.doctor`` looks at."""
