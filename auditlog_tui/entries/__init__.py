"""The API's schemas, read leniently, each entry with its exact text."""

NEWEST_FIRST = "created_at:desc"
"""The API's order when `sort` is not given."""

OLDEST_FIRST = "created_at:asc"
