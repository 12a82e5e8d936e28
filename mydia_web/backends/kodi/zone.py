"""Kodi's dates are the local time of its own machine, and carry no zone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from mydia_web import clock
from mydia_web.backends.errors import BackendError, NotOnServer, Rejected, ServerTrouble
from mydia_web.backends.kodi.rpc import Call, JsonRpc

# "xx" (AM or PM) is asked for because "hh" counts to 12 in a Kodi with American settings.
DATE, TIME = "System.Date(yyyy-mm-dd)", "System.Time(hh:mm:ss xx)"
FORMAT = "%Y-%m-%d %H:%M:%S"
#: The clocks need not agree to the second, and every zone in use is a multiple of this.
STEP = timedelta(minutes=15)
HALF_DAY = timedelta(hours=12)
#: No place on Earth is farther from UTC.
FARTHEST = timedelta(hours=14)
#: An offset is asked for anew after this time, because summer time comes and goes.
STALE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class KodiTime:
    """Converts between UTC and the time one Kodi shows."""

    #: A fixed offset where Kodi does not tell its zone: then dates of the other half of the year
    #: are off by the hour of summer time. Reading and writing use the same rule, so what we wrote
    #: reads back unchanged.
    zone: tzinfo
    asked_at: datetime

    @property
    def is_stale(self) -> bool:
        return clock.now() - self.asked_at > STALE

    def to_local(self, instant: datetime) -> str:
        return instant.astimezone(self.zone).strftime(FORMAT)

    def to_utc(self, text: str) -> datetime | None:
        """None for "" and for what Kodi writes where it knows no date."""
        try:
            local = datetime.strptime(text, FORMAT).replace(tzinfo=self.zone)
            return local.astimezone(UTC) if local.year >= 1970 else None
        except (ValueError, OverflowError):
            return None


def ask_time(rpc: JsonRpc) -> KodiTime:
    """Compare Kodi's clock with ours. The zone it names is believed where its clock agrees."""
    before = clock.now()
    shown, setting = rpc.try_batch(
        [
            Call("XBMC.GetInfoLabels", {"labels": [DATE, TIME]}),
            Call("Settings.GetSettingValue", {"setting": "locale.timezone"}),
        ]
    )
    if isinstance(shown, BackendError):
        raise shown
    readings, now = _readings(shown), clock.now()
    ours = before + (now - before) / 2
    if not readings:
        raise ServerTrouble("Kodi does not tell the time yet. It may still be starting.")
    offsets = [round((reading - ours) / STEP) * STEP for reading in readings]
    zone = _zone(setting)
    if zone and _agree(now.astimezone(zone), offsets[0]):
        return KodiTime(zone, now)
    return KodiTime(_fixed(offsets, readings[0]), now)


def _agree(there: datetime, offset: timedelta) -> bool:
    """To the half day: a 12-hour clock may leave out which half it is."""
    apart = (there.utcoffset() or timedelta()) - offset
    return apart % HALF_DAY == timedelta() and abs(apart) <= HALF_DAY


def _fixed(offsets: Sequence[timedelta], reading: datetime) -> tzinfo:
    possible = [offset for offset in offsets if abs(offset) <= FARTHEST]
    if not possible:
        raise ServerTrouble(
            f"Kodi's clock is wrong: it shows {reading:{FORMAT}}. "
            "Set it, so that watch dates can be compared."
        )
    if len(possible) > 1:
        raise ServerTrouble(
            "Kodi's clock does not tell morning from evening. "
            "Choose the 24-hour clock in its regional settings."
        )
    return timezone(possible[0])


def _readings(labels: Any) -> list[datetime]:
    """What the clock may show, as if in UTC: two times where AM and PM are in an unknown language."""
    if not isinstance(labels, dict):
        return []
    found = re.fullmatch(r"(\d{1,2}:\d\d:\d\d)\s*(\D*)", str(labels.get(TIME, "")).strip())
    text = f"{labels.get(DATE)} {found[1] if found else ''}"
    try:
        shown = datetime.strptime(text, FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return []
    half = found[2].lower() if found else ""
    if not half:
        return [shown]
    morning = shown - HALF_DAY if shown.hour == 12 else shown
    readings = {"a": [morning], "p": [morning + HALF_DAY]}
    return readings.get(half[0], [morning, morning + HALF_DAY])


def _zone(setting: Any) -> ZoneInfo | None:
    """Not every Kodi has this setting."""
    if isinstance(setting, BackendError) and not isinstance(setting, NotOnServer | Rejected):
        raise setting
    try:
        return ZoneInfo(str(setting["value"]))
    except (
        KeyError,
        TypeError,
        ValueError,
        OSError,
    ):  # how ZoneInfo says that there is no such zone
        return None
