"""The API's two endpoints answered in this process, from any source of entries."""
