"""Lines that bring a switch with EOS to what was rendered, by hier_config: what goes is first, and no VLAN opens."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from zonewright.remediation.remedy import Remedy, RunningConfigurationError, is_shown

if TYPE_CHECKING:
    from hier_config.platforms.driver_base import HConfigDriverBase

Sections = dict[str, list[str]]
"""Lines of a configuration by the line that they stand below; a line by itself has none."""
_OWN_TOP = re.compile(
    r"hostname |spanning-tree mode |spanning-tree mst 0 priority |switchport default mode |ip name-server |dns domain "
    r"|ntp server "
)
"""Lines that the format writes; all others of a switch are not looked at."""
_OWN_INNER = re.compile(
    r"(?:no )?(?:name |description |switchport(?: |$)|spanning-tree (?:portfast|bpduguard)|channel-group |shutdown$)"
)
_VLAN_LIST = re.compile(r"vlan (?P<list>\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*)")
"""VLANs that have the same lines stand in one section, as EOS shows them."""
_SECTION = re.compile(r"(?P<kind>vlan|interface) (?P<name>\d+|(?:Ethernet|Port-Channel)[\d/]+)")
_BANNER, _END_OF_BANNER = re.compile(r"banner (?:motd|login)"), "EOF"
_ANSWER = re.compile(r"% (?:Invalid|Incomplete|Ambiguous|Authorization)")
_WITHOUT_NAME = frozenset({"localhost", "switch"})
_INDENT = "   "
_REPLACED = (
    "hostname",
    "spanning-tree mode",
    "spanning-tree mst 0 priority",
    "switchport default mode",
    "dns domain",
)
"""Lines of which there is one: the new one takes the place of the old one."""
_REPLACED_INSIDE = (
    "name",
    "description",
    "switchport mode",
    "switchport access vlan",
    "switchport trunk native vlan",
    "switchport trunk allowed vlan",
    "channel-group",
)
_FIRST, _SECOND, _LAST = -20, -10, 90


def remedy(switch: str, running: str, intended: Sequence[str], *, is_whole: bool) -> Remedy:
    """What is to be pasted at one switch.

    Args:
        switch: its id.
        running: the output of ``show running-config``.
        intended: the files that were rendered for it.
        is_whole: whether these are all files of the switch.

    Raises:
        RunningConfigurationError: when the text is no such output, or that of another switch.
    """
    have = _sections(running)
    faults = list(_faults(switch, running, have))
    if faults:
        raise RunningConfigurationError(*faults)
    want: Sections = {}
    for text in intended:
        for head, lines in _sections(text).items():
            want.setdefault(head, []).extend(lines)
    kept, left = _in_question(have, want, is_whole=is_whole)
    return Remedy(switch=switch, dialect="eos", text=_lines(kept, want), left_alone=tuple(left))


def _sections(text: str) -> Sections:
    found: Sections = {}
    inner: list[list[str]] = []
    is_banner = False
    for line in re.split("\r\n|\r|\n", text):
        said = line.strip()
        if is_banner:
            is_banner = said != _END_OF_BANNER
        elif _BANNER.match(line):
            is_banner = True
        elif not said or said.startswith("!"):
            continue
        elif line.startswith(" "):
            for section in inner:
                section.append(said)
        else:
            inner = [found.setdefault(head, []) for head in _heads(said)]
    return found


def _heads(said: str) -> Iterator[str]:
    """What stands above lines: itself, or each of several VLANs."""
    match = _VLAN_LIST.fullmatch(said)
    if match is None:
        yield said
        return
    for part in match["list"].split(","):
        first, _, last = part.partition("-")
        yield from (f"vlan {vid}" for vid in range(int(first), int(last or first) + 1))


def _faults(switch: str, running: str, have: Sections) -> Iterator[str]:
    answer = next((line.strip() for line in running.splitlines() if _ANSWER.match(line.strip())), None)
    if answer is not None:
        yield f"the switch answered {answer[:60]!r}; save the output of 'show running-config' as an administrator"
    elif not any(_SECTION.fullmatch(head) or _OWN_TOP.match(head) for head in have):
        yield "no line of a configuration, such as 'interface Ethernet1'; save the output of 'show running-config'"
    every = (line for head, lines in have.items() for line in (head, *lines))
    if not all(is_shown(line) for line in every):
        yield "a line with control characters; save the output of 'show running-config | no-more' without a terminal's"
        return
    names = [head.split(" ", 1)[1] for head in have if head.startswith("hostname ")]
    if names and names[0] not in {switch, *_WITHOUT_NAME}:
        yield f"it is the configuration of {names[0]}; name the file after its switch"


def _in_question(have: Sections, want: Sections, *, is_whole: bool) -> tuple[Sections, list[str]]:
    """What of the running lines is compared, and what is left alone."""
    kept: Sections = {}
    left: list[str] = []
    is_of_site = any(_OWN_TOP.match(head) for head in want)
    for head, lines in have.items():
        own = [line for line in lines if _OWN_INNER.match(line)]
        if _SECTION.fullmatch(head) is None:
            # A VRF may have more in it than ours, so none is taken away.
            if is_of_site and (_OWN_TOP.match(head) or (head.startswith("vrf instance ") and head in want)):
                kept[head] = []
        elif head in want or (is_whole and (own or head.startswith("vlan "))):
            kept[head] = own
        elif own or head.startswith("vlan "):
            told = next((line.split(" ", 1)[1] for line in own if line.startswith(("description ", "name "))), "")
            left.append(f"{head} ({told})" if told else head)
    return kept, left


def _lines(have: Sections, want: Sections) -> str:
    from hier_config import HConfig, WorkflowRemediation  # noqa: PLC0415 - an extra of its own

    driver = _driver()
    trees = []
    for sections in (have, want):
        tree = HConfig(driver)
        for head, lines in sections.items():
            section = tree.add_child(head)
            for line in dict.fromkeys(lines):
                section.add_child(line)
        trees.append(tree)
    made = WorkflowRemediation(*trees).remediation_config.all_children_sorted()
    return "".join(f"{_INDENT * (child.depth() - 1)}{child.text}\n" for child in made)


def _driver() -> "HConfigDriverBase":
    """EOS as hier_config knows it, with the lines that our files have."""
    from hier_config import Platform, get_hconfig_driver  # noqa: PLC0415
    from hier_config.models import IdempotentCommandsRule, MatchRule, NegationSubRule, OrderingRule  # noqa: PLC0415

    driver = get_hconfig_driver(Platform.ARISTA_EOS)
    rules = driver.rules
    inside = MatchRule(startswith=("interface ", "vlan "))
    rules.idempotent_commands.extend(
        [
            *(IdempotentCommandsRule(match_rules=(MatchRule(startswith=one),)) for one in _REPLACED),
            *(IdempotentCommandsRule(match_rules=(inside, MatchRule(startswith=one))) for one in _REPLACED_INSIDE),
        ]
    )
    physical, lag = MatchRule(startswith="interface Ethernet"), MatchRule(startswith="interface Port-Channel")
    rules.negation_sub.extend(
        [
            NegationSubRule(match_rules=(physical,), search=r"^no interface (\S+)$", replace=r"default interface \1"),
            *(
                NegationSubRule(
                    match_rules=(inside, MatchRule(startswith=one)), search=rf"^no {one} .*$", replace=f"no {one}"
                )
                for one in (*_REPLACED_INSIDE, "spanning-tree bpduguard")
            ),
        ]
    )
    # What goes is first: ports before their LAG. Modes go before lists, or all VLANs would pass in between; a VLAN that
    # is not wanted goes when no port has it any more.
    rules.ordering.extend(
        [
            OrderingRule(match_rules=(MatchRule(startswith="default interface "),), weight=_FIRST),
            OrderingRule(match_rules=(MatchRule(startswith="no interface "),), weight=_SECOND),
            OrderingRule(match_rules=(MatchRule(startswith="no vlan "),), weight=_LAST),
            OrderingRule(match_rules=(MatchRule(startswith="vrf instance "),), weight=-6),
            OrderingRule(match_rules=(MatchRule(startswith="vlan "),), weight=-5),
            OrderingRule(match_rules=(lag,), weight=-4),
            OrderingRule(match_rules=(inside, MatchRule(startswith="no switchport mode")), weight=_FIRST),
            OrderingRule(match_rules=(inside, MatchRule(startswith="no ")), weight=_SECOND),
            OrderingRule(match_rules=(inside, MatchRule(equals="no switchport mode")), weight=_FIRST),
            OrderingRule(match_rules=(inside, MatchRule(startswith="switchport mode ")), weight=_LAST),
        ]
    )
    return driver
