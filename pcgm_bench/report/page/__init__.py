"""The report of one run: a single HTML file that needs no network and holds no person's label, path, host or date."""
