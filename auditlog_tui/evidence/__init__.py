"""What leaves the program as evidence: entries in formats, exports and bundles."""
