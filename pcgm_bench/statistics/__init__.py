"""Statistics: small pure functions, vectorised over regions; import the module you need."""
