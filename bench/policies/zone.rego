# Three rules of zonewright for OPA, over the same facts: racks, kinds of draw, and a plain list of nodes.
#
# Each comprehension asks for the nodes of one rack (node.rack == id). OPA groups all of them by rack at once then, as its
# page on policy performance advises for such rules ("comprehension indexing"), so that the work is linear.
package zone

# No rack unit of a face is taken twice. Units are bits: added up, bits that are set twice are carried and get fewer.
unit_overlap contains id if {
	some id, _ in input.racks
	nodes := [[node.u_height, node.position, node.face, node.is_full_depth] |
		some node in input.nodes
		node.rack == id
	]
	some face in ["front", "rear"]
	units := [unit |
		some [height, position, on, is_full_depth] in nodes
		on_face(face, on, is_full_depth)
		some unit in numbers.range(position, (position + height) - 1)
	]
	count(units) != count({unit | some unit in units})
}

on_face(_, _, true)

on_face(face, face, false)

# When one feed is lost, the other carries what hangs on both.
feed_failover contains id if {
	some id, rack in input.racks
	draws := [node.draw | some node in input.nodes; node.rack == id]
	some feed, most in rack.feeds
	sum([alone[draw][feed] | some draw in draws]) > most
}

# What one node draws from a feed whose other is lost: all of it, where enough of its supplies are on this one.
alone[name][feed] := watts if {
	some name, draw in input.draws
	some feed, on_feed in {"A": ceil(draw.supplies / 2), "B": floor(draw.supplies / 2)}
	draw.supplies > 1
	watts := [draw.allocated_w * (1 - min([1, max([0, draw.required - on_feed])]))][0]
}

# A rack carries no more than its permitted weight.
rack_weight contains id if {
	some id, rack in input.racks
	weights := [node.weight_kg | some node in input.nodes; node.rack == id]
	sum(weights) > rack.max_weight_kg
}
