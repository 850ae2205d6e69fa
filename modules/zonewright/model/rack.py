"""A rack as rules and placement see it: its feeds, what is offered in it, and who may place nodes there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zonewright.model.cluster import Scope
from zonewright.model.cooling import Cooling
from zonewright.model.lease import Term
from zonewright.model.power import Wiring, wiring_of
from zonewright.model.supply import FeedName, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One feed at one rack.

    Attributes:
        available_w: the watts that may be drawn from it.
        power_panel: the panel that it hangs on.
        source: the element of the supply that is next to it, a breaker or the panel; empty where no chain is declared.
        depends_on: elements of which each takes the feed with it when it is lost, such as ``ups ups-1``.
        legs: the rack units of each of its phases, bit n for U n; empty where that is not declared.
        derated: thousandths of its rating that are left; ``available_w`` is of those.
        built_w: of a derated one, the watts that might be drawn from all of its rating.
    """

    available_w: int
    power_panel: str
    source: str = ""
    depends_on: frozenset[str] = frozenset()
    legs: tuple[tuple[Phase, int], ...] = ()
    derated: int = 1000
    built_w: int = 0

    @property
    def design_w(self) -> int:
        """The watts that may be drawn from it as built."""
        return self.built_w or self.available_w

    def derated_as(self, later: "Feed") -> "Feed":
        """The same with as little of its rating left as of a later one, if that is less."""
        if later.derated >= self.derated:
            return self
        return replace(self, available_w=self.available_w * later.derated // self.derated, derated=later.derated)

    def leg_of(self, position: int) -> Phase | None:
        """The phase on which the outlet of a rack unit is."""
        return next((leg for leg, units in self.legs if units >> position & 1), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFacts:
    """What an offer has in each of its racks.

    Attributes:
        key: ``site/offers/id``, its name in the zone.
        parties: who may use it now; None means all.
        terms: leases that end soon or are over, of parties that may stand in it.
        power_w: IT power in watts for all that stands in it together, None without a limit.
        first: its lowest rack unit.
        last: its highest rack unit.
    """

    key: str
    parties: frozenset[str] | None
    power_w: int | None
    first: int
    last: int
    terms: tuple[Term, ...] = ()

    def is_for(self, party: str) -> bool:
        """Whether a party may use it."""
        return self.parties is None or party in self.parties


@dataclass(frozen=True, slots=True, kw_only=True)
class Rack:
    """One rack.

    Attributes:
        id: ``site/room/row/rack``.
        owner: party that declares it.
        u_height: rack units, counted from 1 at the bottom.
        max_weight_kg: load that it carries.
        feeds: by name; A, or A and B.
        accepts: whether new nodes may be placed here by anyone (status active, its asset active).
        may_open: parties that may place here although ``accepts`` is false (a planned room).
        cooling: cooling of its room.
        is_planned: whether its room or row is planned, so that it counts only once it is in use.
        offers: what its owner offers in it; None where nothing at the site is offered, so that all may use it.
        failed_feeds: feeds that have failed; all of them where the rack or its row has.
        has_failed: whether the rack or its row has failed.
        cooling_w: heat in watts that its cooling takes away; None where that is not said.
        row_cooling_w: the same of its whole row.
        cage: the cage that it stands in; empty where it stands open in its room.
        at_m: where its middle is in the plan of its site, in metres; None where that is not said.
    """

    id: str
    owner: str
    u_height: int
    max_weight_kg: int
    feeds: Mapping[FeedName, Feed]
    accepts: bool = True
    may_open: frozenset[str] = frozenset()
    cooling: Cooling = "air"
    is_planned: bool = False
    offers: tuple[OfferFacts, ...] | None = None
    failed_feeds: frozenset[FeedName] = frozenset()
    has_failed: bool = False
    cooling_w: int | None = None
    row_cooling_w: int | None = None
    cage: str = ""
    at_m: tuple[float, float, float] | None = None

    @property
    def has_legs(self) -> bool:
        """Whether a feed of it says which units hang on which phase."""
        return any(feed.legs for feed in self.feeds.values())

    @property
    def wiring(self) -> Wiring:
        """Its feeds, and which of them have failed."""
        return wiring_of(frozenset(self.feeds), self.failed_feeds)

    @property
    def mended(self) -> "Rack":
        """The same rack once all that has failed works again."""
        return replace(self, failed_feeds=frozenset(), has_failed=False)

    @property
    def design_w(self) -> int:
        """IT power that the rack may draw with any one of its feeds lost, in watts."""
        return min((feed.design_w for feed in self.feeds.values()), default=0)

    def domain(self, scope: Scope) -> str:
        """Id of the rack, row or room that this rack is in."""
        return {"rack": self.id, "row": self.row, "room": self.room}[scope]

    @property
    def row(self) -> str:
        """``site/room/row``."""
        return self.id.rsplit("/", 1)[0]

    @property
    def room(self) -> str:
        """``site/room``."""
        return self.id.rsplit("/", 2)[0]

    @property
    def site(self) -> str:
        """Id of the site."""
        return self.id.partition("/")[0]

    def is_open_for(self, party: str) -> bool:
        """Whether the states of its row and room let ``party`` place a new node here."""
        return self.accepts or party in self.may_open

    def takes_nodes_of(self, party: str) -> bool:
        """Whether ``party`` may place a new node here: it is open, and offered where anything at its site is."""
        return self.is_open_for(party) and self.is_offered_to(party)

    def offers_for(self, party: str) -> tuple[OfferFacts, ...] | None:
        """What of it is offered to a party; None where the party needs no offer for it."""
        if self.offers is None or party == self.owner:
            return None
        return tuple(one for one in self.offers if one.is_for(party))

    def is_offered_to(self, party: str) -> bool:
        """Whether a party may use any of it, as far as offers go."""
        found = self.offers_for(party)
        return found is None or bool(found)
