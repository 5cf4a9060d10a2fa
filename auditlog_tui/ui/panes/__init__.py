"""Passive widgets around the table: they show what they are given and post messages."""
