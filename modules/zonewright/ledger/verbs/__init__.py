"""One handler for each verb, grouped by subject; table says which is which."""
