"""Overrides of Textual's inside, each with the versions that it was tested with."""
