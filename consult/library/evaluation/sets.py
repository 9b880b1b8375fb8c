"""Sets made from the library itself and from public data that lies beside the project. Nothing of it is copied here.

Knows nothing of Django.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consult.library import topics
from consult.library.evaluation.beir import Set

HERE = Path(__file__).resolve().parent
SEED = 20261123
# How a person asks for what a MedQuAD question type holds, in other words than the set's own.
WORDINGS = {
    "information": ("tell me about {}", "I have been told I have {}, what does that mean"),
    "symptoms": ("how would I know if I have {}", "what does {} feel like"),
    "treatment": ("what can be done for {}", "how do they get rid of {}"),
    "causes": ("why do people get {}", "what brings on {}"),
    "prevention": ("how can I avoid getting {}", "how do I stop {} from happening"),
    "exams and tests": ("how do doctors check for {}", "which tests show {}"),
    "outlook": ("will I get better from {}", "how long can you live with {}"),
    "inheritance": ("does {} run in families", "will my children get {}"),
    "frequency": ("how many people have {}", "is {} rare"),
    "genetic changes": ("which gene is behind {}", "what gene goes wrong in {}"),
    "susceptibility": ("who is more likely to get {}", "am I at risk of {}"),
    "research": ("any new studies on {}", "what are scientists finding out about {}"),
}


def library(language: str, content: Path = topics.CONTENT) -> Set:
    """Topics as documents of passages, and patients' wordings of ``queries_<language>.tsv``."""
    held = [one for one in topics.load_all(content) if isinstance(one, topics.Topic) and one.language == language]
    corpus = [
        {"_id": one.id, "title": one.title, "names": list(one.names), "language": language, "kind": "topic",
         "passages": [[piece.section, piece.text] for piece in one.pieces], "text": ""}
        for one in held
    ]  # fmt: skip
    ids, queries, qrels, left = {one.id for one in held}, [], {}, 0
    for number, line in enumerate((HERE / f"queries_{language}.tsv").read_text(encoding="utf-8").splitlines()):
        question, _tab, wanted = line.partition("\t")
        present = {one: 1 for one in wanted.split(",") if one in ids}
        if not present:
            left += 1
            continue
        queries.append({"_id": str(number), "text": question, "language": language})
        qrels[str(number)] = present
    notes = [f"{left} questions left out: the library lacks their topics"] if left else []
    lines = (HERE / "not_held.tsv").read_text(encoding="utf-8").splitlines()
    not_held = [{"text": line.partition("\t")[2]} for line in lines if line.startswith(f"{language}\t")]
    return Set(f"library-{language}", corpus, queries, qrels, notes, not_held)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def medquad(data: Path, *, other_words: bool = False, sample: int = 400) -> Set:
    """MedQuAD answers; a sample of its questions, or of other wordings of them. Any answer to the same counts."""
    rows = list(_lines(data / "medquad" / "medquad_with_answers.jsonl.gz"))
    same: dict[tuple[str, str], list[int]] = {}
    for at, row in enumerate(rows):
        same.setdefault((row["focus"].lower(), row["qtype"]), []).append(at)
    corpus = [
        {"_id": str(at), "title": row["question"], "names": [row["focus"]], "text": row["answer"], "kind": "question"}
        for at, row in enumerate(rows)
    ]
    chosen = random.Random(SEED).sample(range(len(rows)), len(rows))  # noqa: S311 - a sample, not a secret
    queries, qrels = [], {}
    for at in chosen:
        row = rows[at]
        wordings = WORDINGS.get(row["qtype"], ())
        if other_words and not wordings:
            continue
        text = wordings[at % len(wordings)].format(row["focus"]) if other_words else row["question"]
        queries.append({"_id": str(at), "text": text})
        qrels[str(at)] = {str(one): 1 for one in same[row["focus"].lower(), row["qtype"]]}
        if len(queries) == sample:
            break
    return Set("medquad-other-words" if other_words else "medquad", corpus, queries, qrels)


def pubmedqa(data: Path) -> Set:
    """Abstracts without their titles; each question is to find its own abstract among the 500."""
    rows = list(_lines(data / "pubmedqa" / "dev.jsonl"))
    corpus = [
        {"_id": str(row["pmid"]), "title": "", "text": " ".join(row["contexts"]), "kind": "article"} for row in rows
    ]
    queries = [{"_id": str(row["pmid"]), "text": row["question"]} for row in rows]
    return Set("pubmedqa", corpus, queries, {str(row["pmid"]): {str(row["pmid"]): 1} for row in rows})
