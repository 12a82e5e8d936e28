"""People and sources are found by any spelling of their names, and no spelling is taken twice."""

import unicodedata

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError

from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_user, authenticate, find_user, list_users
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.names import is_same_name, name_key
from mydia_web.sources.accounts import add_source, find_source
from tests.conftest import PASSWORD

#: A name, and another way to type it.
SPELLINGS = [
    ("BOB", "bob"),
    ("  bob", "bob "),
    ("Ömer", "ömer"),
    ("ÖMER", "Ömer"),
    ("José Ünal", "josé ünal"),
    ("José Ünal", unicodedata.normalize("NFD", "José Ünal")),
    ("JOSÉ", unicodedata.normalize("NFD", "josé")),
    ("Straße", "STRASSE"),
    ("ΝΊΚΟΣ", "νίκος"),
    ("Иван", "ИВАН"),
    ("Nguyễn", unicodedata.normalize("NFD", "NGUYỄN")),
    ("한글", unicodedata.normalize("NFD", "한글")),
    ("Å", "\N{ANGSTROM SIGN}"),
    ("ᾳ\N{COMBINING ACUTE ACCENT}", "ΆΙ"),
]
DIFFERENT = [("bob", "rob"), ("Jose", "José"), ("Ömer", "Omer"), ("Иван", "Ivan"), ("a b", "ab")]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_all_spellings_of_a_name_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other) == name_key(name_key(one))
    assert is_same_name(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_that_are_written_with_other_letters_are_two(one: str, other: str) -> None:
    assert not is_same_name(one, other)


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_who_was_added_signs_in_by_any_spelling_and_cannot_be_added_twice(
    session: object, one: str, other: str
) -> None:
    user = add_user(one, PASSWORD)
    assert find_user(other) == authenticate(other, PASSWORD) == user
    with pytest.raises(InvalidValue, match="taken"):
        add_user(other, PASSWORD)
    assert [found.name for found in list_users()] == [one.strip()]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_a_source_is_found_by_any_spelling_and_cannot_be_added_twice(
    session: object, one: str, other: str
) -> None:
    source = add_source("kodi", one, "http://127.0.0.1:9")
    assert find_source(other) == source
    with pytest.raises(InvalidValue, match="Another source has this name"):
        add_source("kodi", other, "http://127.0.0.1:9")


def test_the_database_refuses_a_second_spelling_too(session: object) -> None:
    db.session.add_all([User(name="Ömer", password_hash=""), User(name="ömer", password_hash="")])
    with pytest.raises(IntegrityError):
        db.session.flush()
    db.session.rollback()


def test_the_page_signs_in_by_any_spelling(client: FlaskClient, session: object) -> None:
    add_user("José Ünal", PASSWORD)
    db.session.commit()
    typed = unicodedata.normalize("NFD", "josé ünal")
    assert client.post("/login", data={"name": typed, "password": PASSWORD}).status_code == 303
