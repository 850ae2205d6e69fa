"""From a declaration to a change, without Pulumi: render, gate, explain, load."""
