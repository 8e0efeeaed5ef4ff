"""Covers the YAML that is read: values, positions, and everything surprising that is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.stores.yaml_strict import MAX_BYTES, MAX_DEPTH, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "a"),
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("1.5", 1.5),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("012345670123", "012345670123"),
        ("007", "007"),
        ("00", "00"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T03:00:00Z", "2026-01-31T03:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("24h", "24h"),
        ("10%", "10%"),
        ("'yes'", "yes"),
        ('"0x1F"', "0x1F"),
        ("'${{ run.id }}'", "${{ run.id }}"),
        ("${{ run.id }}", "${{ run.id }}"),
        ("cron(0 3 * * ? *)", "cron(0 3 * * ? *)"),
        ("arn:aws:sns:us-east-1:012345670123:oncall", "arn:aws:sns:us-east-1:012345670123:oncall"),
        ("{a: [1, {b: c}]}", {"a": [1, {"b": "c"}]}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ("a: >\n  one\n  two\n", {"a": "one two\n"}),
        ("a:\n", {"a": None}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("---\na: 1\n", {"a": 1}),
        ("", None),
        ("# only a comment\n", None),
    ],
)
def test_values_are_what_they_look_like(text: str, value: Any) -> None:
    document = read(text)
    assert document.faults == []
    assert document.value == value
    assert type(document.value) is type(value)


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "ON", "off", "0o17", "0x1F", "0b1", "1_000", "1:30", "12:30:45", "1e3", "1.5E-3", ".inf", "-.NaN"],
)
def test_a_value_that_readers_disagree_about_must_be_quoted(text: str) -> None:
    [fault] = read(f"a: {text}").faults
    assert fault.place == (1, 4)
    assert fault.hint == f"put it in quotes: '{text}'"
    assert read(f"a: '{text}'").faults == []


@pytest.mark.parametrize("text", ["1" * 19, "1" * 30 + ".5", "0." + "1" * 41])
def test_a_number_of_too_many_digits_must_be_quoted(text: str) -> None:
    [fault] = read(f"a: {text}").faults
    assert "too many digits" in fault.message


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: 2\na: 3", (3, 1), "'a' stands here twice"),
        ("x: {a: 1, a: 2}", (1, 11), "'a' stands here twice"),
        ("a: &x 1", (1, 4), "'&x' is an anchor"),
        ("a: &x [1]", (1, 4), "'&x' is an anchor"),
        ("a: *x", (1, 4), "'*x' is an alias"),
        ("<<: {a: 1}", (1, 1), "'<<' merges are not allowed"),
        ("a: !!str 1", (1, 4), "'!!str' is a tag"),
        ("a: !Ref b", (1, 4), "'!Ref' is a tag"),
        ("a: 1\n---\nb: 1", (2, 1), "a second document starts here"),
        ("%YAML 1.1\n---\na: 1", (1, 1), "directives are not allowed"),
        ("on: x", (1, 1), "'on' is read as true by some YAML readers"),
        ("x: {yes: 1}", (1, 5), "yes is not clear: some YAML readers take it for true or false"),
        ("5: x", (1, 1), "the key 5 is not a text"),
        ("true: x", (1, 1), "the key true is not a text"),
        ("? [a]\n: x", (1, 3), "a key is a mapping, a list or an alias"),
        ("*x : 1", (1, 1), "a key is a mapping, a list or an alias"),
        ("&k a: 1", (1, 1), "a key has an anchor or a tag"),
        ("a:\n\tb: 1", (2, 1), "a tab stands where spaces are meant"),
        ("a: b: c", (1, 5), "a ':' stands inside a value"),
        ("a: @b", (1, 4), "not YAML: found character '@' that cannot start any token"),
        ("a: [1, 2", (1, 9), "not YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"),
        ("a: 'b", (1, 6), "not YAML: while scanning a quoted scalar found unexpected end of stream"),
        ("a: \x01", (1, 4), "the character U+0001 is not allowed"),
    ],
)
def test_what_is_not_allowed_is_named_where_it_stands(text: str, place: tuple[int, int], message: str) -> None:
    fault = read(text).faults[0]
    assert (fault.place, fault.message) == (place, message)


def test_all_faults_are_told_in_order_and_the_rest_is_read() -> None:
    document = read("a: yes\nb: &x 1\nc: 2\nc: 3\nd: 4\n")
    assert [fault.place[0] for fault in document.faults] == [1, 2, 4]
    assert document.value == {"a": "yes", "b": 1, "c": 2, "d": 4}


def test_a_file_that_is_not_utf8_is_refused_at_the_byte() -> None:
    [fault] = read("a: 1\nb: ä".encode("latin-1")).faults
    assert (fault.place, fault.message) == ((2, 4), "the file is not UTF-8 text")


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    assert read(b"a" * MAX_BYTES).faults == []
    [fault] = read(b"a" * (MAX_BYTES + 1)).faults
    assert "at most" in fault.message


def test_a_file_that_is_nested_too_deep_is_refused() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).faults == []
    [fault] = read("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).faults
    assert fault.message == f"this is nested more than {MAX_DEPTH} deep"


@pytest.mark.parametrize("hostile", ["[" * 200_000, "{a: " * 60_000, "- " * 100_000, "? " * 100_000, "&a " * 80_000])
def test_a_hostile_file_is_refused_within_seconds(hostile: str) -> None:
    start = time.perf_counter()
    assert read(hostile).faults
    assert time.perf_counter() - start < 5


def test_positions_of_keys_and_values_are_known() -> None:
    document = read("a: 1\nb:\n  - x\n  - c: d\n")
    assert document.place(("b", 1, "c")) == (4, 8)
    assert document.place(("b", 1, "c"), at_key=True) == (4, 5)
    assert document.place(("b", 0)) == (3, 5)
    assert document.place(()) == (1, 1)


def test_what_is_missing_stands_where_its_surroundings_do() -> None:
    document = read("a: 1\nb:\n  c: {d: 1}\n")
    assert document.place(("b", "c", "gone"), at_key=True) == (3, 3)
    assert document.place(("gone",)) == (1, 1)
    assert read("").place(("gone",)) == (1, 1)


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff\u2028\u2029\x85")
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False, width=16).filter(lambda number: "e" not in repr(number))
    | TEXTS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(lambda t: t != "<<"), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_what_json_can_say_is_read_back_the_same(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_style='"') if isinstance(value, str) else _quoted(value)
    document = read(text)
    assert document.faults == []
    assert document.value == value


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    read(data)


def _quoted(value: Any) -> str:
    """Write YAML in which every text is in quotes, as JSON has it."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True)
