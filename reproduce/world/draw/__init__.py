"""The pictures of the small world."""
