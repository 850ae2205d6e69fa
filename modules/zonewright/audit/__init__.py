"""Evidence of changes: bundles, signatures, verification, differences and reports."""
