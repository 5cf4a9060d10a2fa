"""SQLite, and every SQL statement over the working set."""
