"""SQLite, and every SQL statement over the working set."""

UNBOUNDED = 1 << 62
"""A limit of rows or requests that is never reached."""
