"""One installation: where its files are, which port it has, and what environment its processes get.

Knows nothing of what the processes do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL_NAME = "smollm2-135m-instruct"


class Problem(Exception):
    """Why Consult cannot start or go on: one sentence for a person, with what to do about it."""


@dataclass(frozen=True, slots=True)
class Site:
    """The installation that lives in the folder ``var`` and answers on ``port`` of the loopback address."""

    var: Path
    port: int
    environ: Mapping[str, str]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Site:
        """Read CONSULT_VAR and PORT. Raises Problem where PORT is not a port."""
        environ = os.environ if environ is None else environ
        port = environ.get("PORT") or "8000"
        if not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
            raise Problem(f"PORT is {port!r}, which is not a port number between 1 and 65535.")
        return cls(Path(environ.get("CONSULT_VAR") or ROOT / "var").absolute(), int(port), environ)

    @property
    def run(self) -> Path:
        """Folder of sockets and the lock."""
        return self.var / "run"

    @property
    def control_socket(self) -> Path:
        """Where the running supervisor takes orders."""
        return self.run / "supervisor.sock"

    @property
    def valkey_socket(self) -> Path:
        """Where the private Valkey listens."""
        return self.run / "valkey.sock"

    @property
    def logs(self) -> Path:
        """Folder of one log file a process."""
        return self.var / "log"

    @property
    def weights(self) -> Path:
        """The converted base model's weights, made once at set-up."""
        return self.var / "models" / MODEL_NAME / "model.safetensors"

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def has_own_valkey(self) -> bool:
        """Whether we start a private Valkey: not where REDIS_URL names a server."""
        return not self.environ.get("REDIS_URL")

    @property
    def uses_packaged_model(self) -> bool:
        """Whether answers come from the weights that set-up converts: not where CONSULT_MODEL names others."""
        return not self.environ.get("CONSULT_MODEL")

    def child_environ(self, name: str) -> dict[str, str]:
        """The environment of the process ``name``: ours, with this installation's places, and no hub."""
        own = {
            "CONSULT_VAR": str(self.var),
            "CONSULT_PROCESS": name,
            "PORT": str(self.port),
            "DJANGO_SETTINGS_MODULE": "consult.settings",
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        if self.has_own_valkey:
            own["REDIS_URL"] = f"unix://{self.valkey_socket}"
        return {**self.environ, **own}
