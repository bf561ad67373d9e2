"""A name server that a host asks: what it was asked is seen from its log."""

import re
from pathlib import Path

from tests.lab.machine import Machine, wait_for


class Upstream:
    """A name server on the host that has an answer for every A question, and a log of all questions."""

    def __init__(self, host: Machine, address: str, port: int, answer: str) -> None:
        self._log = Path(host.directory, f"queries-{address}-{port}")
        words = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file="]
        words += [f"--listen-address={address}", f"--port={port}", "--bind-interfaces", "--user=root"]
        words += ["--log-queries", f"--log-facility={self._log}", f"--address=/#/{answer}"]
        host.popen(["dnsmasq", *words])
        wait_for(lambda: host.connects(address, port), "the name server outside")

    def was_asked(self, name: str) -> bool:
        return re.search(rf"query\[\w+\] {re.escape(name)} ", self._log.read_text(), re.IGNORECASE) is not None
