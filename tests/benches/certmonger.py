"""The peer: certmonger with its `local` CA, on a message bus and a state directory of its own.

Everything it writes is below one folder, which its environment variables name, so the machine's
own certmonger, if there is one, is neither asked nor changed.
"""

import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from agent import SERVER, memory

BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""

KEYS = {"p-256": ("EC", "256"), "rsa-2048": ("RSA", "2048")}


def version():
    """Returns what certmonger calls itself, or nothing if it is not installed."""
    if not all(map(shutil.which, ("certmonger", "getcert", "dbus-daemon"))):
        return None
    return subprocess.run(["certmonger", "-v"], capture_output=True, text=True).stdout.strip()


class Certmonger:
    """A running certmonger without requests."""

    def __init__(self, folder):
        self.folder = folder
        self.tracked = 0
        for name in ("requests", "cas", "local", "tmp", "etc", "out"):
            (folder / name).mkdir(parents=True)
        (folder / "bus.conf").write_text(BUS.format(path=folder / "bus"))
        self.environment = os.environ | {
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder / 'bus'}",
            "CERTMONGER_REQUESTS_DIR": str(folder / "requests"),
            "CERTMONGER_CAS_DIR": str(folder / "cas"),
            "CERTMONGER_LOCAL_CA_DIR": str(folder / "local"),
            "CERTMONGER_TMPDIR": str(folder / "tmp"),
            "CERTMONGER_CONFIG_DIR": str(folder / "etc"),
            "CERTMONGER_SYSTEM_LOCK_FILE": str(folder / "lock"),
        }

    def __enter__(self):
        self.bus = self._start("dbus-daemon", f"--config-file={self.folder / 'bus.conf'}",
                               "--nofork")
        self._wait_until(lambda: (self.folder / "bus").exists())
        self.daemon = self._start("certmonger", "-S", "-n")
        self._wait_until(lambda: self._getcert("list").returncode == 0)
        return self

    def __exit__(self, *_):
        for process in (self.daemon, self.bus):
            process.terminate()
            process.wait(timeout=30)

    def request(self, algorithm="p-256", named=True):
        """Requests a certificate.

        Returns milliseconds until key, certificate and chain were on disk, and until `getcert -w`
        said so. Without a name of ours certmonger takes the second as the request's name, and waits
        for the next one if it is taken.
        """
        self.tracked += 1
        start = time.monotonic()
        process = self._start("getcert", *self._request(self.tracked, algorithm, named))
        while not all(map(os.path.exists, self._outputs(self.tracked))):
            if process.poll() not in (None, 0):
                break
            time.sleep(0.001)
        saved = time.monotonic()
        if process.wait() != 0:
            raise RuntimeError(f"getcert failed: {self._log()}")
        return (saved - start) * 1e3, (time.monotonic() - start) * 1e3

    def request_many(self, count, in_flight):
        """Returns certificates per second with `in_flight` waiting callers."""
        numbers = range(self.tracked + 1, self.tracked + 1 + count)
        start = time.monotonic()
        with ThreadPoolExecutor(in_flight) as callers:
            list(callers.map(self._request_quietly, numbers))
        self.tracked += count
        return count / (time.monotonic() - start)

    def grow_to(self, count):
        """Requests certificates until `count` are tracked."""
        if count > self.tracked:
            self.request_many(count - self.tracked, 16)

    def monitored(self):
        """Lists everything; returns how many requests have got their certificate."""
        return len(re.findall(r"status: MONITORING", self._getcert("list").stdout))

    def memory(self):
        """Returns resident and peak resident memory of the daemon in MiB."""
        return memory(self.daemon.pid)

    def _request_quietly(self, number):
        done = self._getcert(*self._request(number))
        if done.returncode != 0:
            raise RuntimeError(f"getcert failed: {done.stdout}{done.stderr}")

    def _request(self, number, algorithm="p-256", named=True):
        key, certificate, chain = self._outputs(number)
        kind, bits = KEYS[algorithm]
        name = ["-I", f"bench-{number}"] if named else []
        return ["request", *name, "-c", "local", "-k", key, "-f", certificate, "-F", chain,
                "-D", SERVER, "-G", kind, "-g", bits, "-w"]

    def _outputs(self, number):
        return [self.folder / "out" / f"{number}.{kind}" for kind in ("key", "crt", "ca")]

    def _log(self):
        return (self.folder / "log").read_text()[-2000:]

    def _getcert(self, *words):
        return subprocess.run(["getcert", *words], env=self.environment, capture_output=True,
                              text=True)

    def _start(self, *words):
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(words, env=self.environment, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log)

    def _wait_until(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"no start: {self._log()}")
            time.sleep(0.01)
