"""Dashboards of Grafana, for each site."""

from zonewright.render.formats.format import File, Format

GRAFANA = Format(
    id="grafana",
    title="Grafana: dashboards of a site's energy, power and telemetry",
    description=(
        "Each site with meters has three dashboards as JSON, which Grafana provisions from a folder. They ask the "
        "site's Prometheus, which is chosen as the variable `datasource`, for the series that the [rules of "
        "Prometheus](#prometheus) read and record:\n\n"
        "- *energy*: the ratio of twelve months and the projection, the two sums of energy, and the age of readings.\n"
        "- *power*: power and energy of hosts, and the power of feeds and racks.\n"
        "- *telemetry*: the service, sources and devices without readings, and alerts.\n\n"
        "A dashboard cannot be edited in Grafana. No program judges the files."
    ),
    subject="site",
    files=tuple(
        File(template=f"grafana/{name}.json.j2", path=f"etc/grafana/dashboards/zonewright-{name}.json")
        for name in ("energy", "power", "telemetry")
    ),
    filters=frozenset({"json", "word"}),
    needs="meters",
)
