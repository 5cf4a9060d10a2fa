"""One investigation: places, marks, filter history."""
