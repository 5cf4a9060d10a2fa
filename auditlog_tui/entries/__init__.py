"""The API's schemas, read leniently; each entry keeps its exact JSON text."""
