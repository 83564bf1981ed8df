"""Reports: pictures made from what a run has stored. They read the store and change nothing in it."""
