"""The channels: each sends a message, and says what became of it."""
