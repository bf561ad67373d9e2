"""First process of a `Machine`: prepare the namespaces, say "ready", live until the pipe from the test ends.

Its end ends every process in the PID namespace, and with them the network and mount namespaces (pid_namespaces(7)).
"""

import os
import shutil
import signal
import stat
import subprocess
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # orphans are reaped as a real init would
signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the test; it then closes the pipe
signal.signal(signal.SIGTERM, signal.SIG_IGN)
root = sys.argv[1]
TUN = "/dev/net/tun"


def run(*words: str) -> None:
    subprocess.run(words, check=False)


run("mount", "-t", "sysfs", "sysfs", "/sys")
run("ip", "link", "set", "lo", "up")
for name in ("/etc/protocols", "/etc/services"):  # a bare Debian has neither (package netbase), and nft reads both
    if os.path.exists(name):
        run("mount", "--bind", "/dev/null", name)
if os.path.exists(TUN) and os.stat(TUN).st_mode & 0o666 != 0o666:  # as udev has it; a bare container has no udev
    own = f"{root}/tun"
    os.mknod(own, stat.S_IFCHR, os.stat(TUN).st_rdev)
    os.chmod(own, 0o666)
    run("mount", "--bind", own, TUN)
for name in ("ip_forward", "conf/all/rp_filter", "conf/default/rp_filter"):  # copied from the machine's namespace
    with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
        file.write("0")
os.write(1, b"ready\n")
while os.read(0, 1):
    pass
shutil.rmtree(root, ignore_errors=True)
