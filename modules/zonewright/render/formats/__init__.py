"""The configuration formats, one module each, in the order in which they are rendered."""

from zonewright.render.formats.agent_settings import AGENT_SETTINGS
from zonewright.render.formats.bind import BIND, BIND_GROUP
from zonewright.render.formats.chrony import CHRONY
from zonewright.render.formats.format import Format
from zonewright.render.formats.frr import FRR
from zonewright.render.formats.grafana import GRAFANA
from zonewright.render.formats.kea import KEA, KEA_V6
from zonewright.render.formats.netplan import NETPLAN
from zonewright.render.formats.nftables import NFTABLES
from zonewright.render.formats.prometheus import PROMETHEUS
from zonewright.render.formats.rack_labels import OUTLET_LABELS, RACK_LABELS
from zonewright.render.formats.router_host import ROUTER_KEEPALIVED, ROUTER_SYSCTL
from zonewright.render.formats.router_netplan import ROUTER_NETPLAN
from zonewright.render.formats.router_nftables import ROUTER_NFTABLES
from zonewright.render.formats.switches import EOS, EOS_PORTS, REDFISH, SONIC, SONIC_PORTS

FORMATS: tuple[Format, ...] = (
    NETPLAN,
    CHRONY,
    NFTABLES,
    AGENT_SETTINGS,
    FRR,
    ROUTER_KEEPALIVED,
    ROUTER_NETPLAN,
    ROUTER_NFTABLES,
    ROUTER_SYSCTL,
    BIND,
    BIND_GROUP,
    KEA,
    KEA_V6,
    PROMETHEUS,
    GRAFANA,
    RACK_LABELS,
    OUTLET_LABELS,
    EOS,
    EOS_PORTS,
    SONIC,
    SONIC_PORTS,
    REDFISH,
)
"""All formats that zonewright has itself."""
