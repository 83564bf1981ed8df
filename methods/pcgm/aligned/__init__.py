"""`pcgm-aligned`: PCGM's networks, told what is to change and trained on brains whose mask disagrees with them."""
