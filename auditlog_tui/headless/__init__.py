"""The commands without a screen: `list`, `get`, `count`, `export`, `collect`, `follow`, `verify`, `who`."""
