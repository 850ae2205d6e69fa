"""A roll-out whatever it brings: one host's visit, the pool, waves, the run and its record."""
