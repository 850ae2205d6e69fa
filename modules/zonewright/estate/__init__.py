"""An estate that an inventory such as NetBox knows: taken over as declarations, and kept true afterwards."""
