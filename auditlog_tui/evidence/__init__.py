"""Entries in the formats in which they leave the program."""
