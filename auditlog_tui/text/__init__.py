"""Turns untrusted data into printable cells, and instants into text. Does no I/O."""
