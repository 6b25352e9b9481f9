"""Who asks, and what that token or session may see."""
