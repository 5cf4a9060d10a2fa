"""Flags, environment variables, the settings file, and the parsing of command lines."""
