"""Text is shown in whole characters and never past a stop string."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llm.text import TextStream


def _bytes_to_text(tokens: list[int]) -> str:
    return bytes(tokens).decode("utf-8", errors="replace")


def _pieces(text: bytes, cuts: list[int], stop: tuple[str, ...] = ()) -> tuple[list[str], TextStream]:
    stream = TextStream(_bytes_to_text, stop)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    pieces = [stream.push(list(text[begin:end])) for begin, end in zip([0, *ends], ends, strict=False)]
    return [*pieces, stream.flush()], stream


@given(st.text(alphabet="aé我😀 .", max_size=30), st.lists(st.integers(0, 80), max_size=20))
def test_the_pieces_join_to_the_text_and_none_is_cut_inside_a_character(text: str, cuts: list[int]) -> None:
    pieces, _ = _pieces(text.encode(), cuts)
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_that_never_ends_is_left_out() -> None:
    pieces, _ = _pieces("water 我".encode()[:-1], [1, 7])
    assert "".join(pieces) == "water "


def test_bytes_that_are_no_text_do_not_hold_the_answer_back_for_ever() -> None:
    stream = TextStream(_bytes_to_text)
    shown = "".join(stream.push([0xE6]) for _ in range(40))
    assert len(shown) >= 24


@given(st.text(alphabet="ab\n", max_size=30), st.lists(st.integers(0, 40), max_size=20))
def test_nothing_past_the_first_stop_string_is_shown(text: str, cuts: list[int]) -> None:
    stops = ("\n\n", "aab")
    pieces, stream = _pieces(text.encode(), cuts, stops)
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    assert "".join(pieces) == (text[: min(places)] if places else text)
    assert stream.stopped == bool(places)


def test_what_may_be_the_start_of_a_stop_string_waits() -> None:
    stream = TextStream(_bytes_to_text, ("END",))
    assert stream.push(list(b"the EN")) == "the "
    assert stream.push(list(b"T")) == "ENT"
