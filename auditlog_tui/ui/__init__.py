"""The Textual app; knows nothing of the wire."""
