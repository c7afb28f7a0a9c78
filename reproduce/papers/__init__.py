"""What papers and released codes say: their settings, a file a family, and every number they print."""
