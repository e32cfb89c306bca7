"""The program `shouwang`. Rule: thin, its commands stand elsewhere; nobody is shown a traceback."""

import os
import signal
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line. An exception that gets here is a bug: said in one line, exit 1."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while we load, there is nothing to clean up
    _open_streams()
    from ingest.commands.console import told
    from ingest.commands.program import app

    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it cleans up, too
    try:
        for word in sys.argv:
            word.encode()
        app()
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone: nobody is left to tell
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # a full disk under our output, say
        told.print(f"shouwang: {error}", style="red", markup=False)
        sys.exit(1)
    except UnicodeEncodeError as error:
        told.print(f"shouwang: not UTF-8 text: {error.object!a}", style="red", markup=False)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001  the last guard: people get a sentence, not a traceback
        told.print(
            f"shouwang: this is a bug, please report it: {type(error).__name__}: {error}",
            style="red",
            markup=False,
        )
        sys.exit(1)


def _open_streams() -> None:
    """Have all three, closed by whoever started us or not; no terminal is too old to be spoken to."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: PTH123, SIM115  for life
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    main()
