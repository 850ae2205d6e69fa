# Three rules of zonewright for OPA, over facts that are grouped by rack already.
package zone

# No rack unit of a face is taken twice: as many different units are taken as are asked for.
unit_overlap contains id if {
	some id, rack in input.racks
	some face in ["front", "rear"]
	taken := [unit |
		some node in rack.nodes
		node[face]
		some unit in numbers.range(node.position, node.top)
	]
	count(taken) != count({unit | some unit in taken})
}

# When one feed is lost, the other carries what hangs on both.
feed_failover contains id if {
	some id, rack in input.racks
	sum([node.alone_a | some node in rack.nodes]) > rack.feed_a
}

feed_failover contains id if {
	some id, rack in input.racks
	sum([node.alone_b | some node in rack.nodes]) > rack.feed_b
}

# A rack carries no more than its permitted weight.
rack_weight contains id if {
	some id, rack in input.racks
	sum([node.grams | some node in rack.nodes]) > rack.most_grams
}
