"""A runner that follows a script: `python scripted_runner.py SCRIPT`, a JSON list with one entry per process started.

Each entry: {"lines": [what it writes], "status": how it exits, "heed": whether it waits for another line first, and
writes that to SCRIPT.heard, "hang": whether it waits to be killed instead, "stubborn": whether it ignores SIGTERM,
"daemon": whether it starts a process that outlives it, and says its id}.
What it was sent is appended to SCRIPT.requests.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(script: Path) -> None:
    requests = script.with_suffix(".requests")
    request = sys.stdin.readline()
    number = len(requests.read_text().splitlines()) if requests.exists() else 0
    with requests.open("a") as file:
        file.write(request)
    act = json.loads(script.read_text())[number]
    if act.get("daemon"):
        daemon = subprocess.Popen(["sleep", "60"], start_new_session=True, stdout=subprocess.DEVNULL)
        print(json.dumps({"kind": "log", "pid": daemon.pid}))
    if act.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in act["lines"]:
        sys.stdout.write(line if isinstance(line, str) else json.dumps(line) + "\n")
    sys.stdout.flush()
    if act.get("heed"):
        script.with_suffix(".heard").write_text(sys.stdin.readline())
    if act.get("hang"):
        time.sleep(60)
    status = act.get("status", 0)
    if status < 0:
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
