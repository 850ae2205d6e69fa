# Three rules of zonewright for OPA, over the same facts: racks, kinds of draw, and a plain list of nodes.
#
# Each comprehension asks for the nodes of one rack (node.rack == id). OPA groups all nodes by rack at once then, as its
# page on policy performance advises for such rules ("comprehension indexing"), so that the work is linear. Only racks
# with a node are asked for: for a rack that is not in its index OPA looks at every node again. Of the ways that were
# tried these are the quickest; whole nodes in the groups, one group for both feeds, or units as bits take longer.
package zone

used := {node.rack | some node in input.nodes}

# No rack unit of a face is taken twice.
unit_overlap contains id if {
	some id in used
	taken := [[face, unit] |
		some node in input.nodes
		node.rack == id
		some face in faces[node.is_full_depth][node.face]
		some unit in numbers.range(node.position, (node.position + node.u_height) - 1)
	]
	distinct := {place | some place in taken}
	count(taken) != count(distinct)
}

faces := {
	true: {"front": ["front", "rear"], "rear": ["front", "rear"]},
	false: {"front": ["front"], "rear": ["rear"]},
}

# When one feed is lost, the other carries what hangs on both.
feed_failover contains id if {
	some id in used
	watts := [alone_on_a[node.draw] | some node in input.nodes; node.rack == id]
	sum(watts) > input.racks[id].feeds.A
}

feed_failover contains id if {
	some id in used
	watts := [alone_on_b[node.draw] | some node in input.nodes; node.rack == id]
	sum(watts) > input.racks[id].feeds.B
}

# What a node of each kind draws from a feed whose other is lost: all of it, where enough supplies hang on this one.
alone_on_a[name] := draw.allocated_w if {
	some name, draw in input.draws
	supplies_on(draw).A >= draw.required
}

alone_on_b[name] := draw.allocated_w if {
	some name, draw in input.draws
	supplies_on(draw).B >= draw.required
}

supplies_on(draw) := {"A": ceil(draw.supplies / 2), "B": floor(draw.supplies / 2)} if draw.supplies > 1

supplies_on(draw) := {draw.single_feed: 1} if draw.supplies == 1

# A rack carries no more than its permitted weight.
rack_weight contains id if {
	some id in used
	weights := [node.weight_kg | some node in input.nodes; node.rack == id]
	sum(weights) > input.racks[id].max_weight_kg
}
