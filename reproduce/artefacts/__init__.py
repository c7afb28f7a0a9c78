"""The files under figures/<profile>/: written whole, rows as CSV, a manifest that says of each where it comes from. Needs no torch."""
