"""What pages of measurements are made of: style, shares with intervals, pictures. Knows nothing of what is shown."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2430}
table{border-collapse:collapse;margin:1rem 0}th,td{border-bottom:1px solid #ccd3db;padding:.3rem .7rem;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}
img{max-width:100%}.note{background:#fff4d6;padding:.7rem 1rem}"""


def png(figure: Any) -> bytes:
    """A matplotlib figure as a picture."""
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def image(data: bytes, alternative: str) -> str:
    """The picture inside the page, so that no other file is needed."""
    return f'<img alt="{text(alternative)}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def share(found: dict[str, Any]) -> str:
    """A share with its interval and its counts."""
    if found["share"] is None:
        return "-"
    return f"{found['share']:.1%} ({found['low']:.1%} to {found['high']:.1%}; {found['part']}/{found['whole']})"


def text(value: object) -> str:
    """Escaped for HTML."""
    return html.escape(str(value))
