"""A fake dongle and the house behind it; the service never imports it."""
