"""Prometheus, for each site."""

from zonewright.render.formats.format import File, Format, ValidatorCommand

PROMETHEUS = Format(
    id="prometheus",
    title="Prometheus: a site's figures, with recording rules and alerts",
    description=(
        "Each site has a scrape configuration and a file of rules. The site's facility operator renders "
        "them. The one target is the zone's service (`service` in zone.yaml; without it "
        "`http://127.0.0.1:8480`). Its page `/metrics?site=SITE` has the site's exact energy sums, its IT "
        "load, and the time of each meter's last reading (`zonewright_site_*`). On the service's own host "
        "nobody is asked. From other hosts the page needs a token. Where the service is reached over HTTPS, put one "
        "into the file `zonewright-token` beside `prometheus.yml` (`zonewright access grant`). Over HTTP no token is "
        "sent. Agents and gateways push OTLP to the same Prometheus, from 3.0 on and with "
        "`--web.enable-otlp-receiver`: set `also_url` to its `/api/v1/otlp/v1/metrics`, in fleet.yaml or in the "
        "agent's settings. Series that come late are taken for a day. The rules read `hw_host_power_watts` and "
        "`hw_host_energy_joules_total` of hosts, with the label `site`, and `hw_power_watts` of the devices of a "
        "gateway whose `devices.yaml` says `rack` and `feed`. Alerts go to the site's `alertmanagers`, over TLS and "
        "with a token where their URL begins with https. Without any they are shown by Prometheus only.\n\n"
        "The rules record the energy ratio of the trailing twelve months, and power and energy of all hosts. "
        "The ratio is a ratio of two sums of energy, never a mean of ratios. Each alert has the labels "
        "`site` and `district`. An alert fires in these cases:\n\n"
        "- The ratio is over the limit of the zone's rule pack. This is for a newly built data centre of at "
        "least 3,000 standard racks, counting planned rows. Sums are compared, without rounding.\n"
        "- The service does not answer.\n"
        "- Readings are missing, or older than the rule pack permits.\n"
        "- A meter of the boundary is missing.\n"
        "- A series that a rule reads is missing: the two sums of energy, or the power of a feed.\n"
        "- A feed carries more than its limit at a rack.\n"
        "- A rack draws more than one feed could carry after the loss of the other."
    ),
    subject="site",
    files=(
        File(template="prometheus/prometheus.yml.j2", path="etc/prometheus/prometheus.yml"),
        File(template="prometheus/rules.yml.j2", path="etc/prometheus/rules/zonewright.yml"),
    ),
    filters=frozenset({"alert", "comment", "promql", "yaml"}),
    check=ValidatorCommand(
        program="promtool",
        package="prometheus",
        commands=(
            ("check", "config", "{root}/etc/prometheus/prometheus.yml"),
            ("check", "rules", "{root}/etc/prometheus/rules/zonewright.yml"),
        ),
        parts=(("etc/prometheus/zonewright-token", ""),),
        complaint="FAILED",  # what promtool calls lint, such as two alerts that are the same, ends with 0
    ),
)
