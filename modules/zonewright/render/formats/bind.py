"""BIND, for each site and for each party's nodes at a site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

_ROOT = "{root}"
BIND = Format(
    id="bind",
    title="BIND: a site's own names",
    description=(
        "The name servers of a site answer for `<site>.internal`. They know `ns1`, `ns2` and so on, `ntp1` and so "
        "on, `gateway-<pool>`, `gateway-<network>`, `router`, and the site's ends of links under the names of "
        "their interfaces. Each address leads back to one name. A second name of an address is an alias. If "
        "zone.yaml has `service_addresses`, they also answer for the service's name. Reverse zones are /24 "
        "networks, or end at whole hexadecimal digits, within the site's networks. A smaller network has one zone "
        "for each address, so that the servers do not answer for addresses of others. What another site answers "
        "for is asked at that site's name servers, forward and back. Only the two sites of a link know its ends.\n\n"
        "A serial number stays while the zone's content stays, and else is the next one. The ledger knows the "
        "number in force from the files of the stack's present admission. The comment `content` is a number that "
        "comes from the content. Without a ledger's answer, the serial number is this number.\n\n"
        "Hosts of the site may ask for any name. Other sites' name servers may ask for what the site answers for. "
        "Administrators (`management`) find all nodes of the site by name. The nodes of a party are in files of "
        "that party's stack (next format), which named.conf includes. A site without `name_servers` gets no "
        "files.\n\n"
        "With `dnssec` the name servers sign the site's own zones. All of them have the declared key, so each gives "
        "the same proof, and none of them makes a key. An `other_key` is published beside it and believed too, so "
        "that one key can take the place of another. The signed zone's serial number is at least that of the file, "
        "and only rises. Other sites' name servers take answers of this site only if they are signed by this key. A "
        "party's own view is for its nodes alone and is not signed. BIND keeps the signed zones in /var/lib/bind. With "
        "a `transfer_key` secondaries may transfer them signed, by a key with the name `zonewright-transfer`."
    ),
    subject="site",
    files=(
        File(template="bind/named.conf.j2", path="etc/bind/named.conf"),
        File(template="bind/site-zones.conf.j2", path="etc/bind/site-zones.conf"),
        File(template="bind/no-group.conf.j2", path="etc/bind/groups/_none.conf"),
        File(template="bind/no-group.conf.j2", path="etc/bind/groups/_none.nodes"),
        File(template="bind/site.zone.j2", path="etc/bind/zones/site.zone"),
        File(template="bind/site-reverse.conf.j2", path="etc/bind/site-reverse.conf"),
        File(template="bind/service.zone.j2", path="etc/bind/zones/service/{key}.zone", each="service_zones"),
        File(template="bind/reverse.zone.j2", path="etc/bind/zones/reverse/{key}.zone", each="reverse_zones"),
        File(template="bind/signed.zone.j2", path="var/lib/bind/zonewright-{key}.zone", each="signed_zones"),
        File(template="bind/key.key.j2", path="etc/bind/keys/K{key}.key", each="zone_keys"),
        File(template="bind/key.private.j2", path="etc/bind/keys/K{key}.private", each="zone_keys"),
        File(template="bind/key.state.j2", path="etc/bind/keys/K{key}.state", each="zone_keys"),
    ),
    filters=frozenset({"address", "comment", "name", "secret", "unquoted", "word"}),
    check=ValidatorCommand(
        program="named-checkconf",
        package="bind9-utils",
        commands=(("-z", "-t", _ROOT, "/etc/bind/named.conf"),),
        in_namespace=True,
        parts=(("var/cache/bind/.keep", ""),),
        stand_ins=((r'secret "ref\+[^"]*"', 'secret "AAAA"'),),  # it must be base64, and is not known here
    ),
    needs="name_servers",
)
BIND_GROUP = Format(
    id="bind-group",
    title="BIND: the names of a party's nodes at a site",
    description=(
        "A stack's nodes at a site are named `<node>.<party>.<site>.internal`. The files make a separate view at "
        "the site's name servers. Only these nodes get answers from it. So a party sees its own nodes and no "
        "nodes of other parties, in both directions. The view has the stack's nodes at all sites, so nodes find "
        "each other also while a site cannot be reached. Of what the sites have, it asks the sites' own name "
        "servers for the ways back. The files stand beside the site's own files, and the site's operator installs "
        "them. Two stacks of one party at one site would have the same files, so use one stack. A site without "
        "`name_servers` gets no files."
    ),
    subject="group",
    files=(
        File(template="bind-group/view.conf.j2", path="etc/bind/groups/{name}.conf"),
        File(template="bind-group/nodes.conf.j2", path="etc/bind/groups/{name}.nodes"),
        File(
            template="bind-group/elsewhere.zone.j2",
            path="etc/bind/zones/groups/{name}/sites/{key}.zone",
            each="elsewhere",
        ),
        File(template="bind-group/forward.zone.j2", path="etc/bind/zones/groups/{name}/forward.zone"),
        File(
            template="bind-group/reverse.zone.j2",
            path="etc/bind/zones/groups/{name}/{key}.zone",
            each="reverse_zones",
        ),
    ),
    filters=frozenset({"address", "comment", "name", "word"}),
    check=ValidatorCommand(
        program="named-checkconf",
        package="bind9-utils",
        commands=(("-z", "-t", _ROOT, "/etc/bind/named.conf"),),
        in_namespace=True,
        parts=(
            ("var/cache/bind/.keep", ""),
            ("etc/bind/site-zones.conf", ""),
            ("etc/bind/named.conf", 'options { directory "/var/cache/bind"; };\ninclude "/etc/bind/groups/*.conf";\n'),
        ),
    ),
    needs="records",
)
