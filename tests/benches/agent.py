"""The Rolecall side of the benches: a real agent on a state directory, and its load generator.

How an agent is set up, started and asked stands in the functions before `Agent`, and nowhere else.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

SERVER = "se01.contoso.com"
TOPOLOGY = Path(__file__).resolve().parents[2] / "deploy/examples/standard-edition.toml"
"""Names no issuer, so the embedded CA signs."""


def init_command(binaries, folder):
    """Returns the command that sets an agent up in `folder`."""
    return [binaries / "rolecall-agent", "init", "--directory", folder, "--server", SERVER,
            "--topology", TOPOLOGY, "--local-grant", "administrator"]


def run_command(binaries, folder):
    """Returns the command that runs the agent in the foreground until SIGTERM."""
    return [binaries / "rolecall-agent", "run", "--config", folder / "agent.toml"]


def list_command(binaries, folder):
    """Returns the command with which an administrator lists the certificates."""
    return [binaries / "rolecallctl", "--socket", socket(folder), "certificate", "list"]


def socket(folder):
    """Returns where the agent in `folder` listens."""
    return folder / "agent.sock"


INDEX = "index"
"""The folder that is removed so that the agent builds its index anew."""

REBUILT = re.compile(r"index is rebuilt")
"""The line of the agent's log that says that the index is complete again."""

START_SECONDS = 120
"""No start that takes longer is worth waiting for: the bar is ten seconds."""


class Agent:
    """An agent, set up in a new folder; `start` and `stop` run its process."""

    def __init__(self, binaries, load, folder):
        self.binaries, self.generator = binaries, load
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / "agent.log"
        self.orders = 0
        self.process = None
        folder.mkdir(parents=True)
        self._run_logged(init_command(binaries, folder))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Starts the process; returns milliseconds from there until an order was served."""
        with self.log.open("ab") as log:
            self.log_offset = self.log.stat().st_size
            self.started = time.monotonic()
            self.process = subprocess.Popen(run_command(self.binaries, self.folder),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_until_served()
        self.orders += 1
        return (time.monotonic() - self.started) * 1e3

    def stop(self):
        """Stops the process as an operator would, and waits until it is gone."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=START_SECONDS)
            self.process = None

    def load(self, command, *arguments):
        """Runs the load generator and returns its figures."""
        words = [self.generator, command, socket(self.folder), *map(str, arguments)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{command} has no figures: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def order(self, command, count, *arguments):
        """Like `load`, for the commands that place `count` orders."""
        figures = self.load(command, count, *arguments)
        self.orders += count
        return figures

    def grow_to(self, count):
        """Places orders until the store holds `count` certificates, all of them for one role."""
        if count > self.orders:
            self.order("concurrent", count - self.orders, 16, "install")

    def memory(self):
        """Returns resident and peak resident memory of the process in MiB."""
        return memory(self.process.pid)

    def journal_bytes(self):
        """Returns how much of the journal is written: segments end in zeros laid out ahead."""
        segments = sorted((self.state / "journal").glob("segment-*"))
        return sum(written(segment) for segment in segments)

    def rebuilt(self):
        """Waits for the log to say that the index is complete; returns milliseconds from start."""
        while time.monotonic() - self.started < START_SECONDS:
            with self.log.open("rb") as log:
                log.seek(self.log_offset)
                if REBUILT.search(log.read().decode(errors="replace")):
                    return (time.monotonic() - self.started) * 1e3
            time.sleep(0.005)
        return None

    def remove_index(self):
        """Makes the next start a rebuild."""
        shutil.rmtree(self.state / INDEX)

    def _wait_until_served(self):
        words = [self.generator, "served", socket(self.folder), str(START_SECONDS)]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
            while client.poll() is None:
                if self.process.poll() is not None:
                    client.kill()
                time.sleep(0.001)
            if client.returncode != 0:
                complaint = client.stderr.read().decode()
                self.stop()
                raise RuntimeError(f"no start: {complaint}{self.log.read_text()[-2000:]}")

    def _run_logged(self, command):
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if done.returncode != 0:
            raise RuntimeError(f"{command} failed:\n{self.log.read_text()[-2000:]}")


def memory(process):
    """Returns VmRSS and VmHWM of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    figures = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return int(figures["VmRSS"]) / 1024, int(figures["VmHWM"]) / 1024


def written(path, window=1 << 16):
    """Returns the length of a file without the zeros at its end."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - window)
            file.seek(start)
            kept = file.read(end - start).rstrip(b"\0")
            if kept:
                return start + len(kept)
            end = start
    return 0
