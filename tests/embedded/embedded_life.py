"""A parent of both servers, for tests to kill: says in a line of JSON who runs, then waits for its end.

Arguments: the data folder and, optionally, a cache folder for copies of programs. Needs no more than the
standard library, so that any Python can run it.
"""

import json
import signal
import socket
import sys
from pathlib import Path

from ingest.embedded import EmbeddedBroker, EmbeddedPostgres


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        return True


def main() -> None:
    data, *cache = map(Path, sys.argv[1:])
    postgres = EmbeddedPostgres(data, cache=cache[0]) if cache else EmbeddedPostgres(data)
    with postgres, EmbeddedBroker(data) as broker:
        said = {
            "postgres": postgres.pid,
            "broker": broker.pid,
            "dsn": postgres.dsn,
            "socket_dsn": postgres.socket_dsn,
            "url": broker.url,
        }
        try:
            _say(said)
            sys.stdin.readline()
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            port = int(postgres.dsn.rpartition(":")[2].partition("/")[0])
            _say([_answers(port), _answers(broker.port)])


if __name__ == "__main__":
    main()
