"""Facts of the API's contract that several rooms need."""

from typing import Final

LIST_PATH: Final = "/v1/audit_logs"
"""The list endpoint's path, relative to the base URL; one entry's own is this, a slash and its ID."""
