"""As many resources as a cluster of ours, with inputs and dependencies like ours, and nothing behind them."""

import pulumi

count = pulumi.Config("nothing").require_int("count")
provider = pulumi.ProviderResource("nothing", "nothing", {})
options = pulumi.ResourceOptions(provider=provider)
places = {f"web-{number:03}": f"dc1/a/01/{number // 40 + 1:02} U{number % 40}" for number in range(count)}
admission = pulumi.CustomResource("nothing:index:Admission", "admission", {"places": places}, options)
nodes = [
    pulumi.CustomResource(
        "nothing:index:Node",
        name,
        {
            "stackId": "tenant-b-0123456789ab",
            "claim": name,
            "nodeType": "one-u",
            "rack": place.split()[0],
            "position": number,
            "face": "front",
            "addresses": {"v4": "10.80.0.1/20"},
        },
        pulumi.ResourceOptions(provider=provider, depends_on=[admission]),
    )
    for number, (name, place) in enumerate(places.items())
]
for kind in ("SiteConfig", "Completion"):
    pulumi.CustomResource(
        f"nothing:index:{kind}", kind.lower(), {}, pulumi.ResourceOptions(provider=provider, depends_on=nodes)
    )
