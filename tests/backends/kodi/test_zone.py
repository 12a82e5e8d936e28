"""Kodi's clock: local time without a zone, and to 12 unless somebody chose otherwise."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from mydia_web import clock
from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.kodi import Kodi
from mydia_web.backends.kodi.zone import TIME, KodiTime
from tests.fakes.kodi import FakeKodi

ZONES = ["Etc/UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
HOURS = range(0, 24, 3)


def at(kodi: FakeKodi, monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Kodi's clock runs 40 seconds fast."""
    monkeypatch.setattr(clock, "now", lambda: moment)
    kodi.now = lambda: moment + timedelta(seconds=40)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("twelve_hours", [True, False])
def test_the_offset_is_found_at_every_hour(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch, zone: str, twelve_hours: bool
) -> None:
    kodi.timezone, kodi.twelve_hours, kodi.tells_zone = zone, twelve_hours, False
    for hour in HOURS:
        moment = datetime(2026, 11, 21, hour, 10, tzinfo=UTC)
        at(kodi, monkeypatch, moment)
        backend._known_time = None
        assert backend._time().zone == timezone(
            moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
        )


def test_a_zone_that_kodi_names_knows_about_summer_time(kodi: FakeKodi, backend: Kodi) -> None:
    time = backend._time()
    assert time.zone == ZoneInfo("America/New_York")
    assert time.to_utc("2026-01-02 12:00:00") == datetime(2026, 1, 2, 17, 0, tzinfo=UTC)
    assert time.to_utc("2026-07-02 12:00:00") == datetime(2026, 7, 2, 16, 0, tzinfo=UTC)


def test_what_is_written_reads_back_the_same(kodi: FakeKodi, backend: Kodi) -> None:
    kodi.tells_zone = False
    time = backend._time()
    for month in range(1, 13):
        moment = datetime(2026, month, 2, 3, 4, 5, tzinfo=UTC)
        assert time.to_utc(time.to_local(moment)) == moment


def test_a_zone_that_the_clock_contradicts_is_not_believed(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    at(kodi, monkeypatch, moment)
    kodi.now = lambda: moment + timedelta(hours=3)
    assert backend._time().zone == timezone(timedelta(hours=-2))


@pytest.mark.parametrize("name", ["", "Nowhere/Land", "../../etc/passwd", "America", "/etc/passwd"])
def test_a_strange_name_of_a_zone_falls_back_on_the_clock(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    at(kodi, monkeypatch, datetime(2026, 11, 21, 10, 0, tzinfo=UTC))
    kodi.zone_setting = name
    assert backend._time().zone == timezone(timedelta(hours=-5))


def labelled(kodi: FakeKodi, day: str, time: str) -> None:
    kodi.shown_labels = {"System.Date(yyyy-mm-dd)": day, TIME: time}


@pytest.mark.parametrize("half", ["오후", "", "μ.μ."])
def test_where_the_half_of_the_day_is_unreadable_the_zone_tells(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    at(kodi, monkeypatch, datetime(2026, 11, 21, 20, 0, tzinfo=UTC))
    labelled(kodi, "2026-11-21", f"03:00:10 {half}")
    assert backend._time().zone == ZoneInfo("America/New_York")


def test_without_a_zone_an_unreadable_half_is_told(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(kodi, monkeypatch, datetime(2026, 11, 21, 10, 0, tzinfo=UTC))
    kodi.tells_zone = False
    labelled(kodi, "2026-11-21", "05:00:10 오전")
    with pytest.raises(ServerTrouble, match="Choose the 24-hour clock"):
        backend._time()


@pytest.mark.parametrize("hour", [0, 5, 17])
def test_a_clock_that_is_years_off_is_told(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch, hour: int
) -> None:
    """Also where the hour happens to be right."""
    at(kodi, monkeypatch, datetime(2026, 11, 21, hour, 3, tzinfo=UTC))
    labelled(kodi, "1970-01-01", "00:03:10")
    with pytest.raises(ServerTrouble, match="Kodi's clock is wrong: it shows 1970-01-01 00:03:10"):
        backend._time()


@pytest.mark.parametrize(("day", "time"), [("", ""), ("Busy", "Busy"), ("2026-11-21", "")])
def test_a_kodi_that_is_still_starting_tells_no_time(
    kodi: FakeKodi, backend: Kodi, day: str, time: str
) -> None:
    labelled(kodi, day, time)
    with pytest.raises(ServerTrouble, match="still be starting"):
        backend._time()


def test_the_clock_is_asked_once_and_again_after_some_hours(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(kodi, monkeypatch, moment := datetime(2026, 11, 21, 10, 0, tzinfo=UTC))
    list(backend.library())
    list(backend.library())
    assert len(kodi.asked("XBMC.GetInfoLabels")) == 1
    at(kodi, monkeypatch, moment + timedelta(hours=7))
    list(backend.library())
    assert len(kodi.asked("XBMC.GetInfoLabels")) == 2


def test_the_hour_that_comes_twice_reads_as_the_first() -> None:
    time = KodiTime(ZoneInfo("America/New_York"), datetime(2026, 11, 21, tzinfo=UTC))
    assert time.to_local(datetime(2026, 11, 1, 6, 30, tzinfo=UTC)) == "2026-11-01 01:30:00"
    assert time.to_utc("2026-11-01 01:30:00") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
