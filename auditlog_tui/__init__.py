"""A terminal browser for the Nirvana Labs audit log."""

__version__ = "0.1.0"
