"""One log, as far as it was fetched: feeds, views, the live end."""
