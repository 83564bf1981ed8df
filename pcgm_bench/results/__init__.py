"""Results as data: records in a file, records as tables, and controls that a column ranks above every method."""
