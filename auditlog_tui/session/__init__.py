"""One investigation: navigation history, marks and filter history."""
