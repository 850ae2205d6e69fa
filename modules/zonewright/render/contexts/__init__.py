"""What templates see: plain frozen data of a node, a site, a group, computed beforehand."""
