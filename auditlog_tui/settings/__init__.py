"""Flags, environment, settings file, and the words of a command line."""
