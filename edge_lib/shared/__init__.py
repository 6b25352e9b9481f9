"""All that the server may import of the edge: what both sides have to understand alike."""
