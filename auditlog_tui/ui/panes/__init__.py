"""Passive widgets around the table."""
