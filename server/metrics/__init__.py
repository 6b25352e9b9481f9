"""``GET /metrics``: counts of all workers in the text format of Prometheus."""
