"""Whom a token or session stands for, and what it may see."""
