"""The README's table of settings is the code's."""

from __future__ import annotations

import re

from tests.environment import ROOT

TABLE_ROW = re.compile(r"^\| `([A-Z_]+\*?)` \|", re.M)
READ = re.compile(r"env\.\w+\(\s*\"([A-Z_]+)\"|environ(?:\.get\(|\[)\"([A-Z_]+)\"|env\.get\(\"([A-Z_]+)\"")
# Read by the processes themselves, or by the tests; nobody sets them.
NOT_SETTINGS = {"DJANGO_SETTINGS_MODULE", "HF_HUB_OFFLINE", "NOTIFY_SOCKET", "PATH", "PYTHONPATH", "HOME"}


def documented() -> set[str]:
    return set(TABLE_ROW.findall((ROOT / "README.md").read_text()))


def read_by_the_code() -> set[str]:
    sources = [path for room in ("accounts", "consult", "llm") for path in (ROOT / room).rglob("*.py")]
    found = {name for path in sources for match in READ.findall(path.read_text()) for name in match if name}
    return found - NOT_SETTINGS


def test_every_setting_that_the_code_reads_is_documented() -> None:
    assert read_by_the_code() - documented() == set()


def test_every_setting_that_is_documented_is_read() -> None:
    assert {name for name in documented() if not name.endswith("*")} - read_by_the_code() == set()


def test_the_readme_has_its_picture_and_its_clinical_notice() -> None:
    readme = (ROOT / "README.md").read_text()
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme):
        assert (ROOT / picture).is_file(), picture
    assert "not a medical device" in readme
    assert "have not been reviewed by a clinician" in readme


def test_links_inside_the_documents_lead_somewhere() -> None:
    for name in ("README.md", "DECISIONS.md", "CHANGELOG.md", "SECURITY.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name}: {target}"
