"""Prometheus, for each site."""

from zonewright.render.formats.format import Check, File, Format

PROMETHEUS = Format(
    id="prometheus",
    title="Prometheus: a site's figures, recorded and watched",
    description=(
        "A scrape configuration and a file of rules for each site, as its facility operator renders them. The one "
        "target is the zone's service (`service` in zone.yaml, without it `http://127.0.0.1:8480`), whose page "
        "`/metrics?site=SITE` has the site's exact energy sums, IT load and the time of each meter's last reading "
        "(`zonewright_site_*`). The page has no authentication and is served beside the ledger, on the service's "
        "own host; for the way from there to the sites put a proxy before it that has. Agents push OTLP: where "
        "they, or a collector, also send to this Prometheus, their series have OpenTelemetry's names "
        "(`hw_host_energy_joules_total`, `hw_host_power_watts`, `hw_power_watts`); the rules expect the label "
        "`site`, and `rack` and `feed` at what a feed carries.\n\n"
        "Recorded are the energy ratio of the trailing twelve months, as a ratio of two sums of energy and never as a "
        "mean of ratios, and power and energy of all hosts. Alerts, each with the labels `site` and `district`: the "
        "ratio is above the limit of the zone's rule pack (for a newly built data centre of at least 3,000 standard "
        "racks, counting planned rows; compared as sums, without rounding); the service does not answer; readings are "
        "missing or older than the rule pack takes; a meter of the boundary is missing; a feed carries more than its "
        "limit at a rack; a rack draws more than one feed would carry after the loss of the other."
    ),
    subject="site",
    files=(
        File(template="prometheus/prometheus.yml.j2", path="etc/prometheus/prometheus.yml"),
        File(template="prometheus/rules.yml.j2", path="etc/prometheus/rules/zonewright.yml"),
    ),
    filters=frozenset({"alert", "comment", "promql", "yaml"}),
    check=Check(
        program="promtool",
        package="prometheus",
        commands=(
            ("check", "config", "{root}/etc/prometheus/prometheus.yml"),
            ("check", "rules", "{root}/etc/prometheus/rules/zonewright.yml"),
        ),
        complaint="FAILED",  # what promtool calls lint, such as two alerts that are the same, ends with 0
    ),
)
