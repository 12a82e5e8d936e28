"""/sources: how the servers are, adding, testing, pulling and removing them."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import link_account
from mydia_web.sources.credentials import decrypt
from mydia_web.sources.models import Pull, Source, UnmatchedItem
from mydia_web.sources.overview import account_on
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.cast import add_copy, add_server
from tests.fakes.kodi import FakeKodi
from tests.web.conftest import HTMX


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    with FakeKodi(name="Living room") as kodi:
        yield kodi


@pytest.fixture
def source(alice: User, kodi: FakeKodi) -> Source:
    source = add_server("Kodi", alice, url=kodi.url)
    db.session.commit()
    return source


def form(kodi: FakeKodi, **changed: str) -> dict[str, str]:
    return {"kind": "kodi", "name": "Den", "base_url": kodi.url, **kodi.credentials, **changed}


def only_source() -> Source:
    db.session.expire_all()
    return db.session.query(Source).one()


def test_a_kodi_is_added_signed_in_on_and_asked_for(
    browser_of_alice: FlaskClient, alice: User, kodi: FakeKodi
) -> None:
    answer = browser_of_alice.post("/sources", data=form(kodi))
    assert (answer.status_code, answer.location) == (303, "/sources")
    source = only_source()
    account = account_on(source.id, alice.id)
    assert account is not None
    assert decrypt(account.credentials) == kodi.credentials
    assert db.session.query(Pull).filter_by(source_id=source.id).one().status == "requested"
    page = browser_of_alice.get("/sources").text
    assert "Den" in page
    assert f"/sources/{source.id}/pull" in page


def test_one_that_refuses_the_sign_in_is_not_added(
    browser_of_alice: FlaskClient, kodi: FakeKodi
) -> None:
    answer = browser_of_alice.post("/sources", data=form(kodi, password="wrong"))
    assert answer.status_code == 422
    assert "refused the user name or password" in answer.text
    assert db.session.query(Source).count() == 0


def test_one_that_does_not_answer_just_now_is_added_at_a_second_press(
    browser_of_alice: FlaskClient, alice: User, kodi: FakeKodi
) -> None:
    kodi.down()
    answer = browser_of_alice.post("/sources", data=form(kodi))
    assert answer.status_code == 422
    assert "Nothing answers" in answer.text
    assert 'name="anyway"' in answer.text
    assert db.session.query(Source).count() == 0
    assert browser_of_alice.post("/sources", data=form(kodi, anyway="1")).status_code == 303
    account = account_on(only_source().id, alice.id)
    assert account is not None
    assert decrypt(account.credentials) == kodi.credentials
    page = browser_of_alice.get("/sources").text
    assert "is added, but: Nothing answers at" in page


@pytest.mark.parametrize(
    ("changed", "words"), [({}, "Nothing answers"), ({"name": ""}, "Choose a name")]
)
def test_with_a_script_the_form_stays_and_a_notice_says_why(
    browser_of_alice: FlaskClient, kodi: FakeKodi, changed: dict[str, str], words: str
) -> None:
    kodi.down()
    answer = browser_of_alice.post(
        "/sources", data=form(kodi, **changed), headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert words in answer.text
    assert "<form" not in answer.text
    assert ('name="anyway"' in answer.text) == (not changed)


def test_the_page_for_trakt_links_where_an_app_is_made_and_says_who_may(
    browser_of_alice: FlaskClient,
) -> None:
    page = browser_of_alice.get("/sources/new?kind=trakt").text
    assert 'href="https://app.trakt.tv/settings/apps"' in page
    assert "paying VIP members" in page


def test_a_folder_is_added(browser_of_alice: FlaskClient, tmp_path: object) -> None:
    answer = browser_of_alice.post(
        "/sources", data={"kind": "folder", "name": "Films", "base_url": str(tmp_path)}
    )
    assert answer.status_code == 303
    assert only_source().base_url == str(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "Choose a name"),
        ({"base_url": "kodi:8080"}, "begins with http"),
        ({"base_url": ""}, "Say where it is"),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed_but_the_password(
    browser_of_alice: FlaskClient, kodi: FakeKodi, wrong: dict[str, str], words: str
) -> None:
    answer = browser_of_alice.post(
        "/sources", data=form(kodi, username="chris", password="hunter22", **wrong)
    )
    assert answer.status_code == 422
    assert words in answer.text
    assert "chris" in answer.text
    assert "hunter22" not in answer.text
    assert db.session.query(Source).count() == 0


def test_a_name_is_given_once(
    browser_of_alice: FlaskClient, kodi: FakeKodi, source: Source
) -> None:
    answer = browser_of_alice.post("/sources", data=form(kodi, name="kodi"))
    assert answer.status_code == 422
    assert "Another source has this name" in answer.text


def test_a_sign_in_pasted_as_part_of_the_address_is_kept_apart(
    browser_of_alice: FlaskClient, alice: User, kodi: FakeKodi
) -> None:
    kodi.password = "hunter22"
    address = kodi.url.replace("http://", f"http://{kodi.username}:hunter22@")
    browser_of_alice.post("/sources", data=form(kodi, base_url=address, username="", password=""))
    source = only_source()
    assert source.base_url == kodi.url
    account = account_on(source.id, alice.id)
    assert account is not None
    assert decrypt(account.credentials)["password"] == "hunter22"
    assert "hunter22" not in browser_of_alice.get(f"/sources/{source.id}").text


def test_no_kind_means_choosing_one(browser_of_alice: FlaskClient) -> None:
    page = browser_of_alice.get("/sources/new").text
    assert "kind=kodi" in page
    assert "kind=folder" in page
    assert browser_of_alice.get("/sources/new?kind=kodi").status_code == 200
    assert browser_of_alice.post("/sources", data={"kind": "vhs"}).status_code == 404


def test_a_connection_is_tried_before_anything_is_stored(
    browser_of_alice: FlaskClient, kodi: FakeKodi
) -> None:
    answer = browser_of_alice.post("/sources/test", data=form(kodi), headers=HTMX)
    assert answer.status_code == 200
    assert "Living room" in answer.text
    assert "Kodi" in answer.text
    assert db.session.query(Source).count() == 0


def test_without_a_script_the_test_answers_with_the_form(
    browser_of_alice: FlaskClient, kodi: FakeKodi
) -> None:
    answer = browser_of_alice.post("/sources/test", data=form(kodi))
    assert "Living room" in answer.text
    assert 'value="Den"' in answer.text
    assert "secret" not in answer.text


def failing(kodi: FakeKodi, how: str) -> dict[str, str]:
    if how == "down":
        kodi.down()
    elif how == "html":
        kodi.fail_next(200, "<html>Sign in to your router</html>", {"Content-Type": "text/html"})
    elif how == "trouble":
        kodi.fail_next(500, "Traceback: secret")
    return form(kodi, **({"password": "hunter22"} if how == "password" else {}))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("down", "Nothing answers at"),
        ("password", "refused the user name or password"),
        ("html", "it is not Kodi"),
        ("trouble", "trouble of its own"),
    ],
)
def test_what_does_not_connect_is_told_in_words(
    browser_of_alice: FlaskClient, kodi: FakeKodi, how: str, words: str
) -> None:
    answer = browser_of_alice.post("/sources/test", data=failing(kodi, how), headers=HTMX)
    assert answer.status_code == 200
    assert words in answer.text
    for secret in ("hunter22", "secret", "Traceback"):
        assert secret not in answer.text


def test_a_test_of_a_known_source_is_remembered(
    browser_of_alice: FlaskClient, kodi: FakeKodi, source: Source
) -> None:
    kodi.down()
    answer = browser_of_alice.post(f"/sources/{source.id}/test", headers=HTMX)
    assert "Nothing answers" in answer.text
    assert "Nothing answers" in (only_source().last_error or "")
    kodi.up()
    browser_of_alice.post(f"/sources/{source.id}/test", headers=HTMX)
    assert only_source().last_error is None
    assert only_source().last_ok_at is not None
    assert "Connected" in browser_of_alice.get("/sources").text


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(seconds=20), ""),
        (timedelta(minutes=3), "3 min ahead of"),
        (timedelta(hours=-2), "2 h behind"),
    ],
)
def test_a_clock_that_differs_by_much_is_told_by_the_test_and_on_the_page(
    browser_of_alice: FlaskClient, kodi: FakeKodi, source: Source, ahead: timedelta, words: str
) -> None:
    page = f"/sources/{source.id}"
    kodi.now = lambda: now() + ahead
    assert "Its clock is" not in browser_of_alice.get(page).text
    for answer in (browser_of_alice.post(f"{page}/test", headers=HTMX), browser_of_alice.get(page)):
        assert ("Its clock is" in answer.text) == bool(words)
        assert words in answer.text


def test_the_clock_is_known_from_the_first_sign_in_on(
    browser_of_alice: FlaskClient, kodi: FakeKodi
) -> None:
    kodi.now = lambda: now() + timedelta(minutes=3)
    browser_of_alice.post("/sources", data=form(kodi))
    assert (
        "Its clock is 3 min ahead of ours."
        in browser_of_alice.get(f"/sources/{only_source().id}").text
    )


def test_what_is_missing_all_at_once_is_told_and_forgotten_at_a_persons_word(
    browser_of_alice: FlaskClient, browser_of_bob: FlaskClient, kodi: FakeKodi, source: Source
) -> None:
    videos = [kodi.add_movie(f"Film {number}", year=1990) for number in range(20)]
    page = f"/sources/{source.id}"
    for videos_to_remove, words in ((0, ""), (11, "no longer lists 11 titles, all at once")):
        for video in videos[:videos_to_remove]:
            kodi.remove(video)
        run_pull(request_of_pull(source.id))
        assert ("They are gone" in browser_of_alice.get(page).text) == bool(words)
        assert words in browser_of_alice.get(page).text
    assert "They are gone" not in browser_of_bob.get(page).text
    browser_of_alice.post(f"{page}/removals")
    run_pull(request_of_pull(source.id))
    shown = browser_of_alice.get(page).text
    assert "They are gone" not in shown
    assert "9 films" in shown


def request_of_pull(source_id: int) -> int:
    """Of the one that is open, or of a new one."""
    db.session.commit()
    begin_write()
    pull_id: int = request_pull(source_id, is_sweep=True).id
    db.session.commit()
    return pull_id


def test_a_password_stored_under_another_secret_key_is_told_in_words(
    browser_of_alice: FlaskClient, alice: User, source: Source
) -> None:
    account = account_on(source.id, alice.id)
    assert account is not None
    account.credentials = "of another key"
    db.session.commit()
    answer = browser_of_alice.post(f"/sources/{source.id}/test", headers=HTMX)
    assert "saved under another secret key" in answer.text


def test_a_slow_server_that_is_tried_holds_up_no_writer(
    browser_of_alice: FlaskClient, source: Source, film: MediaItem, kodi: FakeKodi
) -> None:
    kodi.delay = 60
    address = f"/sources/{source.id}/test"
    trying = threading.Thread(target=lambda: browser_of_alice.post(address, headers=HTMX))
    trying.start()
    time.sleep(0.3)
    db.session.rollback()
    film.title = "Sintel, restored"
    db.session.commit()
    assert trying.is_alive()
    kodi.hurry()
    trying.join()


def test_a_pull_is_asked_for_once_however_often_the_button_is_pressed(
    browser_of_alice: FlaskClient, source: Source, kodi: FakeKodi
) -> None:
    for _ in range(3):
        assert browser_of_alice.post(f"/sources/{source.id}/pull", headers=HTMX).status_code == 200
    assert db.session.query(Pull).count() == 1
    assert kodi.requests == []
    assert browser_of_alice.post(f"/sources/{source.id}/pull").status_code == 303


def test_a_running_pull_is_looked_at_each_second_and_a_finished_one_no_more(
    browser_of_alice: FlaskClient, source: Source
) -> None:
    pull = Pull(source_id=source.id, status="running", done=30, total=120)
    db.session.add(pull)
    db.session.commit()
    part = browser_of_alice.get(f"/sources/{source.id}/pull", headers=HTMX).text
    assert "every 1s" in part
    assert "30 of 120" in part
    assert 'http-equiv="refresh"' in browser_of_alice.get(f"/sources/{source.id}/pull").text
    pull.status, pull.finished_at, pull.message = "done", now(), "120 titles: 3 watched"
    db.session.commit()
    part = browser_of_alice.get(f"/sources/{source.id}/pull", headers=HTMX).text
    assert "every 1s" not in part
    assert "120 titles: 3 watched" in part
    assert 'http-equiv="refresh"' not in browser_of_alice.get(f"/sources/{source.id}/pull").text


def test_a_failed_pull_says_why(browser_of_alice: FlaskClient, source: Source) -> None:
    pull = Pull(
        source_id=source.id, status="failed", finished_at=now(), message="Nothing answers at <b>."
    )
    db.session.add(pull)
    db.session.commit()
    assert "Nothing answers at &lt;b&gt;." in browser_of_alice.get("/sources").text


def test_what_nobody_recognises_is_listed_with_its_reason_in_pages(
    browser_of_alice: FlaskClient, source: Source
) -> None:
    for number in range(53):
        title = f"Video <{number:02}>"
        db.session.add(
            UnmatchedItem(
                source_id=source.id, remote_id=str(number), title=title, reason="It has no ids."
            )
        )
    db.session.commit()
    page = browser_of_alice.get(f"/sources/{source.id}").text
    assert "Video &lt;00&gt;" in page
    assert "It has no ids." in page
    assert "Video &lt;52&gt;" not in page
    after = page.split("?after=")[1].split("#")[0].split('"')[0]
    assert "Video &lt;52&gt;" in browser_of_alice.get(f"/sources/{source.id}?after={after}").text


def test_removing_keeps_what_was_watched(
    browser_of_alice: FlaskClient, alice: User, film: MediaItem, source: Source
) -> None:
    add_copy(source, film)
    mark_watched(alice.id, film, origin="web")
    db.session.commit()
    source_id = source.id
    for _ in range(2):
        answer = browser_of_alice.post(f"/sources/{source_id}/remove")
        assert (answer.status_code, answer.location) == (303, "/sources")
    db.session.expire_all()
    assert db.session.query(Source).count() == 0
    assert get_progress(alice.id, film) is not None
    assert db.session.query(QueuedChange).count() == 0


def test_entering_the_password_again_sends_what_waited_for_it(
    browser_of_alice: FlaskClient, alice: User, film: MediaItem, source: Source, kodi: FakeKodi
) -> None:
    add_copy(source, film)
    mark_watched(alice.id, film, origin="web")
    row = db.session.query(QueuedChange).one()
    row.status, row.next_attempt_at, row.error_class = "failed", None, "auth"
    account = account_on(source.id, alice.id)
    assert account is not None
    account.refused_at = now()
    db.session.commit()
    answer = browser_of_alice.post(f"/sources/{source.id}/account", data=kodi.credentials)
    assert answer.status_code == 303
    db.session.expire_all()
    assert (row.status, account.refused_at) == ("pending", None)


def test_everyone_links_an_account_of_their_own(
    browser_of_bob: FlaskClient, bob: User, source: Source, kodi: FakeKodi
) -> None:
    assert "no account here yet" in browser_of_bob.get("/sources").text
    browser_of_bob.post(f"/sources/{source.id}/account", data=kodi.credentials)
    assert account_on(source.id, bob.id) is not None


@pytest.mark.parametrize("where", ["", "/test", "/1/remove"])
def test_who_is_no_admin_neither_adds_nor_removes(
    browser_of_bob: FlaskClient, source: Source, kodi: FakeKodi, where: str
) -> None:
    assert browser_of_bob.post(f"/sources{where}", data=form(kodi)).status_code == 403
    assert browser_of_bob.get("/sources/new").status_code == 403
    assert only_source().name == "Kodi"
    page = browser_of_bob.get(f"/sources/{source.id}").text
    assert "/remove" not in page


@pytest.mark.parametrize("where", ["", "/pull"])
def test_a_source_that_is_gone_is_not_found(browser_of_alice: FlaskClient, where: str) -> None:
    assert browser_of_alice.get(f"/sources/99{where}").status_code == 404


def test_a_source_with_markup_in_its_name_shows_it_as_written(
    browser_of_alice: FlaskClient, kodi: FakeKodi
) -> None:
    browser_of_alice.post("/sources", data=form(kodi, name="<script>alert(1)</script>"))
    source = only_source()
    for where in ("/sources", f"/sources/{source.id}", "/queue"):
        assert "<script>alert" not in browser_of_alice.get(where).text


def test_there_is_a_word_for_having_none(
    browser_of_alice: FlaskClient, browser_of_bob: FlaskClient
) -> None:
    assert "Add a source" in browser_of_alice.get("/sources").text
    assert "Once an admin has added one" in browser_of_bob.get("/sources").text


def finished_part(browser: FlaskClient, source: Source, page: str) -> str:
    """What a page that waits for a pull gets when it has ended."""
    headers = {**HTMX, "HX-Current-URL": f"http://localhost{page}"}
    return browser.get(f"/sources/{source.id}/pull", headers=headers).text


def test_a_card_is_right_when_its_first_reading_has_ended(
    browser_of_alice: FlaskClient, source: Source, film: MediaItem
) -> None:
    pull = Pull(source_id=source.id, status="running", done=1, total=2)
    unknown = UnmatchedItem(
        source_id=source.id, remote_id="9", title="Home video", reason="No ids."
    )
    for remote_id in ("4k", "hd"):
        add_copy(source, film, remote_id)
    db.session.add_all([pull, unknown])
    source.last_ok_at = now()
    db.session.commit()
    page = f"/sources/{source.id}"
    assert "hx-swap-oob" not in finished_part(browser_of_alice, source, "/sources")
    pull.status, pull.finished_at = "done", now()
    db.session.commit()
    card = finished_part(browser_of_alice, source, "/sources")
    # One title in two copies.
    assert "1 film, 0 episodes" in card
    assert "1 title not recognised" in " ".join(card.split())
    assert "Connected" in card
    assert "Home video" not in card
    assert "Home video" in finished_part(browser_of_alice, source, page)
    assert "hx-swap-oob" not in finished_part(browser_of_alice, source, "/library")
    for address in ("/sources", page):
        shown = browser_of_alice.get(address).text
        assert all(f'id="{part}-{source.id}"' in shown for part in ("counts", "health", "trouble"))


@pytest.mark.parametrize(
    ("status", "is_preview", "words"),
    [
        (None, False, "Nothing has been read yet."),
        ("running", False, "Nothing has been read yet."),
        ("failed", False, "Nothing has been read yet."),
        ("done", True, "Nothing has been read yet."),
        ("done", False, "Every title was recognised."),
    ],
)
def test_every_title_was_recognised_only_after_a_reading(
    browser_of_alice: FlaskClient, source: Source, status: str | None, is_preview: bool, words: str
) -> None:
    if status:
        pull = Pull(source_id=source.id, status=status, is_preview=is_preview)
        pull.finished_at = now() if status != "running" else None
        db.session.add(pull)
        db.session.commit()
    shown = browser_of_alice.get(f"/sources/{source.id}").text
    assert [
        one for one in ("Nothing has been read yet.", "Every title was recognised.") if one in shown
    ] == [words]


def test_the_badge_counts_what_the_queues_page_counts(
    browser_of_alice: FlaskClient,
    browser_of_bob: FlaskClient,
    bob: User,
    source: Source,
    film: MediaItem,
) -> None:
    """An admin sees everyone's rows on both; others see theirs."""
    link_account(source, bob.id, {"username": "kodi", "password": "secret"})
    add_copy(source, film)
    mark_watched(bob.id, film)
    db.session.commit()
    for browser in (browser_of_alice, browser_of_bob):
        page = " ".join(browser.get("/queue").text.split())
        assert '1<span class="visually-hidden"> waiting</span>' in page
