"""The API's schemas, read leniently, each entry with its exact text."""
