"""What breeds the bundled models."""
