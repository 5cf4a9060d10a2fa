"""The commands without a screen: `list`, `get`, `count`, `follow`, `who`."""
