"""What `check` found: compared with an earlier revision, and as other programs read it."""
