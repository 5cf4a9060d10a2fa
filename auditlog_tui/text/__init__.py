"""Hostile data to printable cells, instants to text; no I/O."""
