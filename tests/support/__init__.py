"""What tests share and what is no fixture."""
