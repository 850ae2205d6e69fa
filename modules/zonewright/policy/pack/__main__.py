"""What Pulumi starts for ``--policy-pack``: the folder that ``zonewright policy`` names."""

from pulumi_policy import PolicyPack

from zonewright.policy.policies import policies

PolicyPack("zonewright", policies=policies())
