"""Names from the API's public contract that more than one room needs."""

from typing import Final

LIST_PATH: Final = "/v1/audit_logs"
"""Path of the list endpoint below the base URL; an entry's own is this, a slash and its ID."""

PAGE: Final = 100
"""Entries per request: the API's maximum."""

KEY_VARIABLE: Final = "NIRVANA_LABS_API_KEY"
"""The environment variable from which the vendor's clients take the API key."""

BASE_URL_VARIABLE: Final = "NIRVANA_LABS_BASE_URL"
"""The environment variable from which the vendor's clients take the base URL."""

NEWEST_FIRST: Final = "created_at:desc"
"""The API's order when `sort` is not given."""

OLDEST_FIRST: Final = "created_at:asc"
