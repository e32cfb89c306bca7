"""What one seed line on stdin costs, as JSON `[ms, MB]` on stdout: without the fuzzer's instruments."""

import json
import sys

from tests.devices.seeds import seed_of
from tests.fuzz.target import Place, spent

if __name__ == "__main__":
    seed = seed_of("", sys.stdin.read())
    sys.stdout.write(json.dumps(spent(Place(seed.topic, seed.model), seed.raw)))
