"""The policy pack: the rules of `zonewright check` over the resources of a stack, for `pulumi preview --policy-pack`.

Where the ledger can be asked it decides, as it does for a preview, and is only read. Where it cannot, the rules judge
what the resources show by themselves, and what was not checked is said.

Must not: write to a ledger, or have rules of its own beyond what makes resources part of an admission.
"""
