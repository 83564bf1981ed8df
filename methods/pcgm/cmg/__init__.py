"""CMG: from a segmentation and wanted volumes to the counterfactual mask."""
