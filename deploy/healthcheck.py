"""Exit status 0 where the web process of this container answers, 1 otherwise. Run: ``python deploy/healthcheck.py``.

Asks as the public address would, since ALLOWED_HOSTS refuses other names.
"""

import http.client
import os
import sys


def main() -> int:
    """Ask /health/live on the loopback address."""
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=4)
    try:
        connection.request("GET", "/health/live", headers={"Host": host.lstrip(".*")})
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(main())
