"""``zonewright fleet inventory``: the hosts, for people, for Ansible and for OpenSSH."""

import argparse


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``fleet inventory``."""
    from zonewright.cli.fleet.hosts import add_selectors

    parser = commands.add_parser(
        "inventory",
        help="list the hosts, also as Ansible inventory or OpenSSH configuration",
        description=(
            "List the hosts of a fleet from its file. With --stack, also list the nodes that the ledger holds."
        ),
    )
    add_selectors(parser)
    parser.add_argument("--format", choices=("text", "json", "ansible", "ssh"), default="text", help="how to print")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.fleet.hosts import read_fleet
    from zonewright.cli.output import print_json
    from zonewright.fleet.agents.recipe import known_hosts_of
    from zonewright.fleet.inventory import ansible_inventory, ssh_config

    fleet = read_fleet(arguments)
    if arguments.format == "ansible":
        print(ansible_inventory(fleet.chosen), end="")
    elif arguments.format == "ssh":
        print(ssh_config(fleet.chosen, known_hosts_of(fleet.file, folder=fleet.folder, root=fleet.root)), end="")
    elif arguments.format == "json":
        hosts = [
            {
                "name": host.name,
                "address": host.target.address,
                "port": host.target.port,
                "user": host.target.user,
                "jump": host.target.jump.name if host.target.jump else None,
                "site": host.site,
                "rack": host.rack,
                "tenant": host.tenant,
                "cluster": host.cluster,
                "labels": sorted(host.labels),
            }
            for host in fleet.chosen
        ]
        print_json({"hosts": hosts})
    else:
        size = max(len(host.name) for host in fleet.chosen)
        for host in fleet.chosen:
            target = host.target
            through = f" through {target.jump.name}" if target.jump else ""
            login = f"{target.user}@{target.address}:{target.port}{through}"
            print(f"{host.name:<{size}}  {login}  {host.rack or host.site}".rstrip())
    return 0
