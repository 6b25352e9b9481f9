"""One file an endpoint, and what they share."""
