"""What leaves the tool: output formats."""
