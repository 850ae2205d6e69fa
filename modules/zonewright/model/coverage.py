"""Towers as shared assets, the stations on them, and the key areas that they must cover.

What a map says is planned, and what a drive test says is measured. Neither stands for the other.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from zonewright.model.base import Date, Declared, Identifier, Latitude, Line, Longitude

RadioBand = Literal["n28", "n41", "n78"]
"""A frequency band as 3GPP TS 38.104 names it: 700 MHz, 2.6 GHz and 3.5 GHz."""
AreaShape = Literal["points", "circle", "line", "polygon"]
_LEAST: dict[AreaShape, int] = {"points": 1, "circle": 1, "line": 2, "polygon": 3}


class Station(Declared):
    """A radio station on a tower, in one band."""

    band: RadioBand
    """Its band: n28 (700 MHz), n41 (2.6 GHz) or n78 (3.5 GHz)."""
    radius_m: Annotated[float, Field(gt=0, le=50_000, strict=False)]
    """How far it reaches by plan, in metres, in its surroundings; it is no measurement."""
    users: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=20, strict=False)]
    """Parties whose network it carries."""
    status: Literal["planned", "active"] = "active"
    """A planned station covers nothing yet."""


class Tower(Declared):
    """A tower, mast or roof at a site; where it is shared, stations of any party may stand on it."""

    height_m: Annotated[float, Field(gt=0, le=500, strict=False)] | None = None
    """Its height in metres."""
    platforms: Annotated[int, Field(ge=1, le=50)]
    """Stations that it carries."""
    platforms_in_use: Annotated[int, Field(ge=0, le=50)] = 0
    """Platforms that are used by something that no file of the zone declares."""
    is_shared: bool = True
    """Whether others may use its free platforms."""
    status: Literal["planned", "active"] = "active"
    """A planned tower is a request; it is judged against the towers that are already there."""
    stations: Annotated[dict[Identifier, Station], Field(max_length=50)] = Field(default_factory=dict)
    """The stations on it, by id."""

    @property
    def free(self) -> int:
        """Platforms that nothing uses."""
        return self.platforms - self.platforms_in_use - len(self.stations)

    @model_validator(mode="after")
    def _carried(self) -> Self:
        if self.free < 0:
            message = (
                f"{len(self.stations)} stations and {self.platforms_in_use} platforms in use on a tower with "
                f"{self.platforms} platforms; move a station to another tower, or correct the platforms"
            )
            raise ValueError(message)
        return self


class DriveTest(Declared):
    """The result of a drive test of a key area: measured, and good for the day on which it was driven."""

    tested_on: Date
    """The day, such as 2026-05-03."""
    samples: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """Points that were measured."""
    on_target: Annotated[int, Field(ge=0, le=1_000_000_000)]
    """Those of them at which the target was met."""
    source: Line
    """Where it comes from, such as the file of the readings."""

    @model_validator(mode="after")
    def _of_its_samples(self) -> Self:
        if self.on_target > self.samples:
            message = f"on_target {self.on_target} is more than samples {self.samples}; correct one of them"
            raise ValueError(message)
        return self


class KeyArea(Declared):
    """A place that stations must cover: some points, a circle around one, a line or a polygon."""

    title: Line
    """Name for people."""
    crs: Literal["WGS84"]
    """Coordinate reference system; only WGS84 is accepted."""
    shape: AreaShape = "points"
    """What the points are: the places themselves, a centre, the bends of a line, or the corners of a polygon."""
    points: Annotated[
        tuple[Annotated[tuple[Latitude, Longitude], Field(strict=False)], ...],
        Field(min_length=1, max_length=1000, strict=False),
    ]
    """Points as [degrees north, degrees east]."""
    radius_m: Annotated[float, Field(gt=0, le=50_000, strict=False)] | None = None
    """Radius of a circle in metres."""
    band: RadioBand | None = None
    """The band that must cover it; without it, any."""
    stations: Annotated[int, Field(ge=1, le=10)] = 1
    """Stations that must reach each point."""
    target_percent: Annotated[float, Field(gt=0, le=100, strict=False)] = 95.0
    """Part of it that must be covered, and part of the samples of a test that must meet the target, in percent."""
    test: DriveTest | None = None
    """The last drive test; without one, it is not tested."""

    @model_validator(mode="after")
    def _shaped(self) -> Self:
        least = _LEAST[self.shape]
        if len(self.points) < least or (self.shape == "circle" and len(self.points) > 1):
            message = f"a {self.shape} of {len(self.points)} points; expected {least}"
            raise ValueError(message if self.shape == "circle" else f"{message} or more")
        if (self.radius_m is None) == (self.shape == "circle"):
            message = "expected radius_m for a circle, and for nothing else"
            raise ValueError(message)
        return self
