"""A library of four small topics in two languages, loaded and indexed in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SECTIONS = {
    "en": ("What it is", "What you can do", "When to see someone", "Emergency signs", "Medicines and cautions",
           "Prevention"),
    "zh": ("这是什么", "您可以做什么", "什么时候就医", "紧急信号", "用药与注意事项", "预防"),
}  # fmt: skip

WriteTopic = Callable[..., Path]


def topic_text(id_: str, title: str, names: list[str], bodies: list[str], language: str = "en") -> str:
    """A well-formed topic file."""
    header = "\n".join(
        [
            f'id = "{id_}"', f'title = "{title}"', f'language = "{language}"', f"names = {names!r}",
            'body = ["throat"]', 'audience = ["adult"]', 'icd10 = ["J02"]', "written = 2026-01-02", 'reviewed = ""',
            "[[sources]]", 'organisation = "NHS"', 'title = "A page"', 'address = "https://www.nhs.uk/"',
        ]
    )  # fmt: skip
    sections = "\n\n".join(f"## {head}\n\n{body}" for head, body in zip(SECTIONS[language], bodies, strict=True))
    return f"+++\n{header}\n+++\n\n{sections}\n"


def six(subject: str) -> list[str]:
    """Six short sections about ``subject``."""
    return [
        f"{subject} is common.", f"- Rest with {subject}.\n- Drink plenty.", f"See a doctor if {subject} lasts.",
        f"Call for help if {subject} is severe.", f"Paracetamol can ease {subject}.",
        f"Wash your hands against {subject}.",
    ]  # fmt: skip


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A content folder of three English topics and one Chinese."""
    folder = tmp_path / "content"
    for language in ("en", "zh"):
        (folder / language).mkdir(parents=True)
    en = folder / "en"
    (en / "sore-throat.md").write_text(
        topic_text("sore-throat", "Sore throat", ["tonsillitis", "it hurts to swallow"], six("A sore throat"))
    )
    (en / "headache.md").write_text(topic_text("headache", "Headache", ["head pain"], six("A headache")))
    (en / "diuretics.md").write_text(topic_text("diuretics", "Diuretics", ["water tablets"], six("A diuretic")))
    (folder / "zh" / "high-blood-pressure.md").write_text(
        topic_text("high-blood-pressure", "高血压", ["血压升高"],
                   ["高血压很常见。", "- 少吃盐。\n- 多走路。", "血压一直高时请看医生。", "胸痛时请呼叫急救。",
                    "按医嘱服用降压药。", "保持体重可预防高血压。"], "zh")
    )  # fmt: skip
    return folder


@pytest.fixture
def library(content: Path, tmp_path: Path, db: None, settings: object) -> Path:
    """The content folder, loaded into the database and indexed."""
    from consult.library import loading, store

    settings.INDEX_DIR = tmp_path / "index"  # type: ignore[attr-defined]
    loading.load_topics(content)
    store.update()
    return content
