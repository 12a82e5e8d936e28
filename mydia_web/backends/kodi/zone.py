"""Kodi's dates: the local time of its own machine, without a zone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from mydia_web import clock
from mydia_web.backends.errors import BackendError, NotOnServer, Rejected, ServerTrouble
from mydia_web.backends.kodi.rpc import JsonRpc, RpcCall

DATE = "System.Date(yyyy-mm-dd)"
#: "xx" asks for AM or PM: "hh" counts to 12 in a Kodi with American settings.
TIME = "System.Time(hh:mm:ss xx)"
FORMAT = "%Y-%m-%d %H:%M:%S"
#: The clocks need not agree to the second, and every zone in use is a multiple of this.
STEP = timedelta(minutes=15)
HALF_DAY = timedelta(hours=12)
#: No place on Earth is farther from UTC.
FARTHEST = timedelta(hours=14)
#: How long an offset is trusted: summer time comes and goes.
STALE = timedelta(hours=6)
#: Kodi writes earlier years where it knows no date.
_FIRST_YEAR = 1970


@dataclass(frozen=True, slots=True)
class KodiTime:
    """A converter between UTC and the time one Kodi shows."""

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
        """Return a date of Kodi's in UTC; None for "" and for its ways to write "no date"."""
        try:
            local = datetime.strptime(text, FORMAT).replace(tzinfo=self.zone)
            instant = local.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return instant if local.year >= _FIRST_YEAR else None


def ask_time(rpc: JsonRpc) -> KodiTime:
    """Compare Kodi's clock with ours. Trust the zone it names where its clock agrees with it."""
    before = clock.now()
    labels, setting = rpc.try_batch(
        [
            RpcCall("XBMC.GetInfoLabels", {"labels": [DATE, TIME]}),
            RpcCall("Settings.GetSettingValue", {"setting": "locale.timezone"}),
        ]
    )
    now = clock.now()
    if isinstance(labels, BackendError):
        raise labels
    readings = _clock_readings(labels)
    if not readings:
        raise ServerTrouble("Kodi does not tell the time yet. It may still be starting.")
    asked_at = before + (now - before) / 2
    offsets = [round((reading - asked_at) / STEP) * STEP for reading in readings]
    zone = _zone(setting)
    if zone and _agree(now.astimezone(zone), offsets[0]):
        return KodiTime(zone, now)
    return KodiTime(_fixed_zone(offsets, readings[0]), now)


def _agree(local_time: datetime, offset: timedelta) -> bool:
    """Compare to the half day: a 12-hour clock may leave out which half it is."""
    difference = (local_time.utcoffset() or timedelta()) - offset
    return difference % HALF_DAY == timedelta() and abs(difference) <= HALF_DAY


def _fixed_zone(offsets: Sequence[timedelta], reading: datetime) -> tzinfo:
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


def _clock_readings(labels: Any) -> list[datetime]:
    """Return the times the clock may show, as if in UTC; two where AM and PM are in a language
    we do not know.
    """
    if not isinstance(labels, dict):
        return []
    time = re.fullmatch(r"(\d{1,2}:\d\d:\d\d)\s*(\D*)", str(labels.get(TIME, "")).strip())
    if not time:
        return []
    try:
        shown = datetime.strptime(f"{labels.get(DATE)} {time[1]}", FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return []
    half_of_day = time[2].lower()
    if not half_of_day:
        return [shown]
    morning = shown - HALF_DAY if shown.hour == 12 else shown
    evening = morning + HALF_DAY
    return {"a": [morning], "p": [evening]}.get(half_of_day[0], [morning, evening])


def _zone(setting: Any) -> ZoneInfo | None:
    """Return the zone that is set in Kodi. Not every Kodi has this setting."""
    has_no_setting = isinstance(setting, NotOnServer | Rejected)
    if isinstance(setting, BackendError) and not has_no_setting:
        raise setting
    try:
        return ZoneInfo(str(setting["value"]))
    # ZoneInfo raises any of them for a zone that does not exist.
    except (KeyError, TypeError, ValueError, OSError):
        return None
