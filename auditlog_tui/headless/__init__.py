"""The commands without a screen: `list`, `get`, `count`, `export`, `follow`, `verify`."""
