"""The screen and its controllers."""
