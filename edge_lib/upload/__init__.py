"""From the spool to the server over HTTPS, and the proof that comes back."""
