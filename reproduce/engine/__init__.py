"""Jobs, where their results are kept, and under which name."""
