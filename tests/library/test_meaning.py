"""Vectors: the encoder without torch, the folder of vectors, and search that gets on without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consult import encoder
from consult.library import store, vectors
from consult.library.index import Filters
from consult.library.search import ranked, search


@pytest.fixture
def some(tmp_path: Path) -> vectors.VectorFolder:
    """Two segments of random unit vectors, 40 in all."""
    folder = vectors.VectorFolder(tmp_path / "vectors")
    rows = np.random.default_rng(1).normal(size=(40, encoder.WIDTH)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    folder.add([f"e{n}" for n in range(25)], rows[:25])
    folder.add([f"e{n}" for n in range(25, 40)], rows[25:])
    return folder


@pytest.fixture
def asked(some: vectors.VectorFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question has the vector of e30."""
    vector = np.asarray(some.rows()[1][5], np.float32)
    monkeypatch.setattr(encoder, "encode_query", lambda text: vector)
    return


class TestEncoder:
    def test_near_meanings_are_nearer_than_far_ones(self) -> None:
        tummy, belly, car = map(encoder.encode_query, ("my tummy hurts", "abdominal pain", "the car won't start"))
        assert np.linalg.norm(tummy) == pytest.approx(1, abs=1e-4)
        assert float(tummy @ belly) > 0.5 > float(tummy @ car)

    def test_an_empty_text_has_a_vector_too(self) -> None:
        assert encoder.encode_query("").shape == (encoder.WIDTH,)

    @pytest.mark.torch
    def test_numpy_and_torch_agree(self) -> None:
        texts = ["sore throat", "a much longer sentence about knees, backs and the weather in March " * 6]
        many = encoder.encode_many(texts)
        assert all(float(encoder.encode_query(text) @ row) > 0.99 for text, row in zip(texts, many, strict=True))

    def test_changed_weights_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        encoder.folder.cache_clear()
        monkeypatch.setattr(encoder, "WEIGHTS_SHA256", "0" * 64)
        with pytest.raises(encoder.Unavailable):
            encoder.folder()
        encoder.folder.cache_clear()


@pytest.mark.usefixtures("asked")
class TestVectors:
    def test_segments_are_one_list(self, some: vectors.VectorFolder) -> None:
        held = vectors.Vectors(some)
        best = held.nearest("?", 5)
        assert next(iter(best)) == "e30"
        assert best["e30"] == pytest.approx(1, abs=0.01)
        assert list(best.values()) == sorted(best.values(), reverse=True)

    def test_the_graph_finds_what_comparing_all_finds(
        self, some: vectors.VectorFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exact = vectors.Vectors(some)
        monkeypatch.setattr(vectors, "EXACT", 10)
        some.finish()
        graph = vectors.Vectors(some)
        assert list(graph.nearest("?", 5)) == list(exact.nearest("?", 5))
        assert graph.cosines("?", ["e3", "none"]) == pytest.approx(exact.cosines("?", ["e3"]), abs=0.01)
        assert list(graph.similar("e3", 4)) == list(exact.similar("e3", 4))

    def test_an_entry_is_not_similar_to_itself(self, some: vectors.VectorFolder) -> None:
        assert "e3" not in vectors.Vectors(some).similar("e3", 39)

    def test_vectors_of_another_encoder_are_not_used(
        self, some: vectors.VectorFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encoder, "NAME", "another")
        assert vectors.Vectors(some).nearest("?", 5) == {}

    def test_a_new_generation_takes_over_what_is_still_wanted(self, some: vectors.VectorFolder, tmp_path: Path) -> None:
        fresh = vectors.VectorFolder(tmp_path / "new")
        fresh.take_from(some, frozenset({"e30", "e2", "gone"}))
        assert sorted(fresh.ids()) == ["e2", "e30"]
        assert next(iter(vectors.Vectors(fresh).nearest("?", 1))) == "e30"


def test_search_goes_by_words_where_the_encoder_is_missing(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise encoder.Unavailable("not installed")

    folder = store.store().current()
    assert folder is not None
    vectors.VectorFolder(folder / "vectors").add(["x"], np.ones((1, encoder.WIDTH)))
    monkeypatch.setattr(encoder, "folder", missing)
    assert store.meaning() is None
    assert search("sore throat", language="en")


def test_a_question_in_other_words_finds_the_topic_by_meaning(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoded by NumPy, as a machine without torch would."""
    monkeypatch.setattr(encoder, "encode_many", lambda texts: np.stack([encoder.encode_query(one) for one in texts]))
    filters = Filters(language="en")
    assert ranked("my skull is throbbing", filters, limit=1, floor=False) == []
    assert store.encode() > 0
    best = ranked("my skull is throbbing", filters, limit=1, floor=False)[0]
    assert best.found.title == "Headache"
    assert best.cosine is not None
    assert store.encode() == 0
