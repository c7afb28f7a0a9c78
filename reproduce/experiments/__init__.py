"""What each notebook computes: one file per notebook, and the pictures they all work on."""
