"""What attacks share: budgets and the one projected-gradient loop."""
