"""MGD: from a scan, two masks and two sets of metadata to the counterfactual scan. CDM uses the same networks."""
