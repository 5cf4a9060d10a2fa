"""What leaves the program as evidence: entries in formats, exports, bundles and their verification."""
