"""All files together as one network: what reaches what, computed from their texts."""
