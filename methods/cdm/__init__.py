"""CDM: PCGM without its anatomical prior (Li et al. 2025, sections 4.3 and 4.4). `generator.CDM` is the plugin."""
