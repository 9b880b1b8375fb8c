"""Fine-tuning the reader, a cross-encoder that says whether a window holds a sentence. For training only: needs torch.

Knows nothing of Django: documents come as (topic, language, passages). What is stored is a low-rank change of the
packaged MiniLM, its norms and a head, in half precision (guard_data/reader.safetensors), and a card with data, settings
and figures.
"""

from __future__ import annotations

import json
import platform
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consult import encoder
from consult.safety import pairs, reader, support, training, words
from consult.safety.training import Documents, Floats
from consult.safety.types import Passage

_Told = tuple[str, Passage, str]  # sentence, passage, kind
CHECKPOINT = Path(tempfile.gettempdir()) / "reader-checkpoint.safetensors"
Example = tuple[str, str, bool, str]  # sentence, window as the reader sees it, supported, kind
SETTINGS = {"pairs": 2_000, "passes": 2, "rank": 16, "rate": 1e-3, "batch": 32, "decay": 0.01, "warm": 0.1}
# The least score of both together, and the least share of the weakest clause, that count as support: chosen on the
# pairs labelled for development so that no more unsupported ones pass there than did by the regression alone.
THRESHOLD, WEAKEST = 0.25, 0.5
_REWORDED = 0.75  # of the sentences, true and false alike, so that other words alone say nothing about truth

# Left and right mean the same to a patient; used in both directions.
_SAME = tuple(
    tuple(side.strip() for side in line.split("="))
    for line in """see a doctor = speak to a doctor
doctor = GP
usually = mostly
usually = in most cases
often = frequently
children = kids
begins = starts
begin = start
very bad = severe
stomach = tummy
feeling sick = nausea
sickness = nausea
poo = stools
high temperature = fever
tiredness = fatigue
get better = improve
gets better = improves
gets worse = worsens
get worse = become worse
helps = is helpful
lasts = goes on for
last = go on for
caused by = due to
causes = leads to
is common = happens a lot
quickly = fast
slowly = gradually
slowly = little by little
such as = for example
such as = like
because = since
at once = straight away
straight away = immediately
call an ambulance = ring for an ambulance
hospital = a hospital ward
is needed = is necessary
need = require
needs = requires
swelling = puffiness
swollen = puffy
painful = sore
pain = discomfort
hurts = is painful
medicine = drug
medicines = medication
tablets = pills
may = might
may = could
can = is able to
many = a lot of
most = the majority of
about = roughly
about = around
more than = over
less than = under
at least = no less than
before = ahead of
weeks = wks
babies = infants
baby = infant
belly = abdomen
blood test = test of the blood
check = examine
avoid = stay away from
stop = quit
do not = don't
cannot = can't
does not = doesn't
is not = isn't
are not = aren't
try = have a go at
drink plenty of = drink a lot of
wash = clean
itchy = itching
rash = skin rash
injury = wound
treatment = therapy
treated with = managed with
illness = disease
condition = health problem
happen = occur
happens = occurs
risk = chance
higher = greater
lower = reduce
rare = uncommon
serious = grave
people = patients
older people = elderly people
sign = symptom
signs = symptoms
spread = pass on
spreads = passes
breathing = breath
trouble = difficulty
tell = inform
ask = check with
keep = go on
rest = take it easy
especially = above all
also = as well
if = in case
when = whenever""".splitlines()
)
_MORE = tuple(
    tuple(side.strip() for side in line.split("->"))
    for line in """may -> always
may -> never
might -> will certainly
can -> cannot
usually -> rarely
usually -> always
often -> seldom
sometimes -> always
some -> all
most -> few
many -> no
rarely -> often
before -> after
after -> before
more -> less
higher -> lower
helps -> harms
helps -> does not help
help -> worsen
causes -> prevents
cause -> cure
improve -> worsen
reduces -> increases
lower -> raise
relieve -> worsen
at once -> next week
the same day -> within a month
without -> with
with -> without
adults -> children
children -> adults
women -> men
men -> women
older -> younger
left -> right
upper -> lower
virus -> bacterium
bacteria -> virus
harmless -> dangerous
serious -> harmless
common -> rare
rare -> common
hot -> cold
warm -> cold
day -> month
days -> hours
hours -> weeks
weeks -> years
minutes -> hours
first -> last
every day -> once a week
safe -> dangerous
needs -> does not need
see a doctor -> wait at home
start -> stop
stop -> go on with
only -> not only""".splitlines()
)
_LEADS = ("You should ", "It is best to ", "It can help to ", "Try to ", "Remember to ")
_LIST = re.compile(r"\b([a-z][a-z' -]{2,30}), ([a-z][a-z' -]{2,30}),? (and|or) ([a-z][a-z' -]{2,30})(?=[.,;]|$)")


def examples(documents: Documents, seed: int, most: int) -> list[Example]:
    """Half true, half false, from English documents; the same seed gives the same examples."""
    chance = random.Random(seed)  # noqa: S311 - examples, not secrets
    english = [document for document in documents if document[1] == "en"]
    names = [passages[0].title for _, _, passages in english if passages]
    true: list[_Told] = []
    false: dict[str, list[_Told]] = {}
    for topic, _, passages in english:
        others = [other for other in english if other[0] != topic]
        for passage in passages:
            near = [other for other in passages if other is not passage]
            for sentence in _sentences(passage):
                true.append((_again(sentence, chance), passage, "supported"))
                for kind, text in _changed(sentence, passage, others, near, names, chance):
                    false.setdefault(kind, []).append((_again(text, chance), passage, kind))
    chosen = chance.sample(true, min(most // 2, len(true)))
    pools = [chance.sample(rows, len(rows)) for _, rows in sorted(false.items())]
    while len(chosen) < most and any(pools):
        chosen += [pool.pop() for pool in pools if pool][: most - len(chosen)]
    chance.shuffle(chosen)
    return [_seen(*row) for row in chosen]


def _seen(sentence: str, passage: Passage, kind: str) -> Example:
    found = support.candidates(sentence, passage, 1)
    window = found[0].window if found else next(support.windows(passage))
    return sentence, reader.shown(window), kind == "supported", kind


def _sentences(passage: Passage) -> Iterator[str]:
    """The passage's sentences, items under their lead, and some neighbours joined to one sentence."""
    single = [pairs._joined(w.text) for w in support.windows(passage) if w.parts == 1]
    single = [text for text in single if 3 <= len(words.content(text)) <= 28]
    yield from single
    for first, second in pairwise(single):
        if len(first) + len(second) < 160:
            yield f"{first.rstrip('.')}, and {second[0].lower()}{second[1:]}"


def _again(sentence: str, chance: random.Random) -> str:
    """The sentence in other words and another order, meaning the same."""
    if chance.random() > _REWORDED:
        return sentence
    for _ in range(chance.randint(1, 4)):
        fitting = [
            (one, other)
            for pair in _SAME
            for one, other in (pair, pair[::-1])
            if re.search(rf"\b{one}\b(?!')", sentence, re.IGNORECASE)
        ]
        if not fitting:
            break
        one, other = chance.choice(fitting)
        sentence = re.sub(rf"\b{one}\b(?!')", other, sentence, count=1, flags=re.IGNORECASE)
    steps: list[Callable[[str, random.Random], str]] = [_reordered, _shorter, _advised, _fewer, _lead]
    for step in chance.sample(steps, 2):
        sentence = step(sentence, chance)
    return sentence[0].upper() + sentence[1:]


def _reordered(sentence: str, chance: random.Random) -> str:
    if match := re.match(r"(.{8,}?) (if|when|unless|because) (.{6,})\.$", sentence):
        return f"{match[2].capitalize()} {match[3]}, {match[1][0].lower()}{match[1][1:]}."
    if match := re.match(r"(If|When) ([^,]{6,}), (.{6,})\.$", sentence):
        return f"{match[3][0].upper()}{match[3][1:]} {match[1].lower()} {match[2]}."
    return sentence


def _shorter(sentence: str, chance: random.Random) -> str:
    short = re.split(r", (?:and|but|so|because|which) |; | because |\. ", sentence)[0].rstrip(".")
    return short + "." if len(words.content(short)) >= 3 else sentence


def _advised(sentence: str, chance: random.Random) -> str:
    if not pairs._ADVISES.match(sentence):
        return sentence
    return chance.choice(_LEADS) + sentence[0].lower() + sentence[1:]


def _fewer(sentence: str, chance: random.Random) -> str:
    """One item fewer in "a, b and c", or the items in another order."""
    if not (match := _LIST.search(sentence)):
        return sentence
    first, second, joint, last = (part.strip() for part in match.groups())
    new = chance.choice((f"{first} {joint} {second}", f"{second}, {first} {joint} {last}"))
    return sentence[: match.start()] + new + sentence[match.end() :]


def _lead(sentence: str, chance: random.Random) -> str:
    if sentence[0].isupper() and sentence[1:2].islower() and chance.random() < 0.3 and "," not in sentence:
        return chance.choice(("In general, ", "Keep in mind that ", "Note that ")) + sentence[0].lower() + sentence[1:]
    return sentence


def _changed(
    sentence: str,
    passage: Passage,
    others: Sequence[tuple[str, str, Sequence[Passage]]],
    near: Sequence[Passage],
    names: Sequence[str],
    chance: random.Random,
) -> Iterator[tuple[str, str]]:
    """The sentence with one thing wrong, by kind."""
    yield from pairs._false(sentence, passage, others, names, chance)
    fitting = [(one, other) for one, other in _MORE if re.search(rf"\b{one}\b(?!')", sentence, re.IGNORECASE)]
    if fitting:
        one, other = chance.choice(fitting)
        yield "opposite", re.sub(rf"\b{one}\b(?!')", other, sentence, count=1, flags=re.IGNORECASE)
    strange = chance.choice(chance.choice(others)[2])
    clauses = [text.rstrip(".") for text in _sentences(strange) if len(text) < 90]
    if clauses and len(sentence) < 110:
        clause = chance.choice(clauses)
        yield "half", f"{sentence.rstrip('.')}, and {clause[0].lower()}{clause[1:]}."
    if match := _LIST.search(sentence):
        listed = [item for text in _sentences(strange) for found in _LIST.findall(text) for item in found[:2]]
        if listed:
            kept = [match[1].strip(), match[2].strip(), chance.choice(listed).strip()]
            yield (
                "item",
                sentence[: match.start()] + f"{kept[0]}, {kept[1]} {match[3]} {kept[2]}" + sentence[match.end() :],
            )
    if near:
        text = chance.choice([*_sentences(chance.choice(near))] or [""])
        held = set(words.content(f"{passage.title} {passage.text}"))
        mine = set(words.content(text))
        if mine and len(mine & held) < 0.75 * len(mine):
            yield "neighbour", text


def train(documents: Documents, *, seed: int = 7, say: Callable[[str], None] = print, **changed: Any) -> dict[str, Any]:
    """Fine-tune on pairs made from the documents, write the change and the card, and give the card."""
    settings = SETTINGS | changed
    apart = {name for pair in pairs.labelled() for name in (pair.topic, pair.passage.title)}
    learnt = [document for document in documents if not apart & {document[0], *(p.title for p in document[2])}]
    made = examples(learnt, seed, int(settings["pairs"]))
    say(f"{len(made)} pairs from {len(learnt)} documents: {dict(sorted(Counter(row[3] for row in made).items()))}")
    change = _fine_tune(made, seed, settings, say)
    from safetensors.numpy import save_file

    save_file(change, reader.CHANGE)
    card = {
        "what": "A low-rank change of the packaged MiniLM that reads a sentence and a window together. English only.",
        "written_by": "manage.py train_reader",
        "date": datetime.now(UTC).date().isoformat(),
        "changes": encoder.NAME,
        "bytes": reader.CHANGE.stat().st_size,
        "sha256": sha256(reader.CHANGE.read_bytes()).hexdigest(),
        "seed": seed,
        "settings": settings,
        "learnt_from": {
            "pairs": len(made),
            "sha256": sha256(json.dumps(made).encode()).hexdigest(),
            "kinds": dict(sorted(Counter(row[3] for row in made).items())),
            "not from": "topics that the labelled pairs speak of",
        },
        "software": {name: version(name) for name in ("torch", "numpy", "tokenizers", "safetensors")}
        | {"python": platform.python_version()},
    }
    return combine(card)


def combine(card: dict[str, Any]) -> dict[str, Any]:
    """Fit how both scorers are added, on development pairs only, write the card with its figures, and give it."""
    _write(card)
    x, y, kinds = _scored("development")
    open_to_scores = np.array([kind not in ("number", "negation") for kind in kinds])
    weights, bias = training.fit(x[open_to_scores], y[open_to_scores])
    card |= {"combined": {"weights": weights, "bias": bias, "threshold": THRESHOLD, "weakest": WEAKEST}}
    card["area_under_roc"] = {split: _areas(split, weights) for split in ("development", "held-out", "fresh")}
    _write(card)
    return card


def _write(card: Mapping[str, Any]) -> None:
    reader.CARD.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    reader.forget()


def _scored(split: str) -> tuple[Floats, Floats, list[str]]:
    """(n, 2) log odds of the regression and of the reader at the best window, (n,) labels, and what was changed."""
    mine = [pair for pair in pairs.labelled() if pair.language == "en" and pair.split == split]
    found = [support.candidates(pair.sentence, pair.passage, 1)[0] for pair in mine]
    x = [
        (support.log_odds(one.score), reader.log_odds(pair.sentence, one.window))
        for pair, one in zip(mine, found, strict=True)
    ]
    return np.array(x), np.array([float(pair.supported) for pair in mine]), [pair.kind for pair in mine]


def _areas(split: str, weights: Sequence[float]) -> dict[str, dict[str, float]]:
    x, y, kinds = _scored(split)
    seen = np.array([kind not in ("number", "negation") for kind in kinds])
    scores = {"regression": x[:, 0], "reader": x[:, 1], "both": x @ np.array(weights)}
    return {
        name: {
            "all pairs": round(training.area(y, values), 3),
            "without numbers and denials": round(training.area(y[seen], values[seen]), 3),
        }
        for name, values in scores.items()
    }


def _fine_tune(
    made: Sequence[Example], seed: int, settings: Mapping[str, Any], say: Callable[[str], None]
) -> dict[str, NDArray[np.float16]]:
    import torch
    from safetensors.numpy import save_file

    torch.manual_seed(seed)
    torch.set_num_threads(1)  # on a shared machine two threads wait for each other: measured, 5 s of processor a step
    model = _Model(int(settings["rank"]))
    rows = [
        (*encoder.pair_tokens(s, held, reader.MOST_SENTENCE, reader.MOST), float(true)) for s, held, true, _ in made
    ]
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    batches = [
        batch for _ in range(int(settings["passes"])) for batch in _batches(rows, int(settings["batch"]), chance)
    ]
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["rate"], weight_decay=settings["decay"])
    warm = max(int(len(batches) * settings["warm"]), 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(len(batches) - step, 1) / max(len(batches) - warm, 1))
    )
    lost = 0.0
    for step, batch in enumerate(batches, start=1):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            model(batch), torch.tensor([true for *_, true in batch])
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        lost += (loss.item() - lost) / min(step, 25)
        if step % 25 == 0 or step == len(batches):
            save_file(model.change(), CHECKPOINT)
            say(f"step {step} of {len(batches)}: loss {lost:.3f}")
    return model.change()


def _batches(rows: list[Any], size: int, chance: random.Random) -> list[list[Any]]:
    """Batches of like length in chance order."""
    order = sorted(rows, key=lambda row: (len(row[0]), chance.random()))
    batches = [order[at : at + size] for at in range(0, len(order), size)]
    chance.shuffle(batches)
    return batches


class _Model:
    """The packaged MiniLM with frozen weights; only low-rank additions, norms and the head learn."""

    def __init__(self, rank: int) -> None:
        import torch

        self.torch = torch
        self.fixed = {name: torch.from_numpy(array) for name, array in encoder.packaged().items()}
        self.learnt: dict[str, Any] = {"head.weight": torch.zeros(2 * encoder.WIDTH), "head.bias": torch.zeros(1)}
        for name, tensor in self.fixed.items():
            if "LayerNorm" in name or "token_type" in name:
                self.learnt[name] = tensor.clone()
            elif name.startswith("encoder.layer") and name.endswith(".weight"):
                out, into = tensor.shape
                self.learnt[f"{name}.down"] = torch.randn(rank, into) / into**0.5
                self.learnt[f"{name}.up"] = torch.zeros(out, rank)
        for tensor in self.learnt.values():
            tensor.requires_grad_()

    def parameters(self) -> list[Any]:
        return list(self.learnt.values())

    def change(self) -> dict[str, NDArray[np.float16]]:
        """What was learnt, in half precision, to be stored."""
        return {name: tensor.detach().numpy().astype(np.float16) for name, tensor in self.learnt.items()}

    def __call__(self, batch: Sequence[Any]) -> Any:
        """Log odds of each row, shape (rows,)."""
        torch = self.torch
        longest = max(len(ids) for ids, _, _ in batch)
        ids = torch.tensor([one + [0] * (longest - len(one)) for one, _, _ in batch])
        kinds = torch.tensor([one + [0] * (longest - len(one)) for _, one, _ in batch])
        real = torch.tensor([[1.0] * len(one) + [0.0] * (longest - len(one)) for one, _, _ in batch])
        state = (
            self.fixed["embeddings.word_embeddings.weight"][ids]
            + self.fixed["embeddings.position_embeddings.weight"][:longest]
            + self.learnt["embeddings.token_type_embeddings.weight"][kinds]
        )
        state = self._norm(state, "embeddings.LayerNorm")
        mask = ((1 - real) * -1e9)[:, None, None, :]
        for layer in range(6):
            state = self._layer(state, mask, f"encoder.layer.{layer}")
        mean = (state * real[..., None]).sum(1) / real.sum(1, keepdim=True)
        return torch.cat([mean, state[:, 0]], 1) @ self.learnt["head.weight"] + self.learnt["head.bias"]

    def _layer(self, state: Any, mask: Any, name: str) -> Any:
        rows, size, width = state.shape
        query, key, value = (
            self._linear(state, f"{name}.attention.self.{part}").view(rows, size, encoder.HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = self.torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(rows, size, width)
        state = self._norm(
            state + self._linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        inner = self.torch.nn.functional.gelu(self._linear(state, f"{name}.intermediate.dense"))
        return self._norm(state + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, state: Any, name: str) -> Any:
        straight = self.torch.nn.functional.linear(state, self.fixed[f"{name}.weight"], self.fixed[f"{name}.bias"])
        return straight + (state @ self.learnt[f"{name}.weight.down"].T) @ self.learnt[f"{name}.weight.up"].T

    def _norm(self, state: Any, name: str) -> Any:
        return self.torch.nn.functional.layer_norm(
            state, (encoder.WIDTH,), self.learnt[f"{name}.weight"], self.learnt[f"{name}.bias"], 1e-12
        )
