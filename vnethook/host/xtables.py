"""The old tables of iptables by python-iptables, the only module that imports it.

Its own import would run a compiler, a linker and ldconfig, found by PATH, to find three libraries, and load setuptools;
so the part of it that does so is replaced. It takes no lock and reverts what others change between its reading of a
table and its commit: so the lock of all such programs is held around both, and what the kernel refuses is read again.
"""

import os
import sys
from ctypes import CDLL, RTLD_GLOBAL
from glob import glob
from sysconfig import get_config_var, get_path
from types import ModuleType
from warnings import catch_warnings

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import xtables
from vnethook.live.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Pair = tuple[str, str]

WAIT_S = 10.0
LOCK = "/run/xtables.lock"
"""XT_LOCK_NAME, which the environment may move: iptables(8)."""
_TRIES = 20
_DONE = "done"
_PIPE_BUF = 4096
_INVERTED = "!"


def _library_directories() -> list[str]:
    kind = get_config_var("MULTIARCH") or ""
    return [f"{above}/{kind}" for above in ("/usr/lib", "/lib") if kind] + ["/usr/lib64", "/lib64", "/usr/lib", "/lib"]


def _find_library(*names: str) -> tuple[CDLL | None, int]:
    """The first of these libraries that is there, loaded, and its major version."""
    for name in names:
        own = f"{get_path('platlib')}/lib{name}{get_config_var('EXT_SUFFIX')}"
        found = [path for place in _library_directories() for path in sorted(glob(f"{place}/lib{name}.so.*"), key=len)]
        for path in ([own] if os.path.exists(own) else []) + found:
            major = path.rpartition(".so.")[2].partition(".")[0]
            return CDLL(path, mode=RTLD_GLOBAL), int(major) if major.isdigit() else 0
    return None, 0


def _extensions() -> str:
    """The directory of iptables' extensions; raise ImportError if there is none."""
    for place in _library_directories():
        if os.path.exists(f"{place}/xtables/libxt_tcp.so"):
            return f"{place}/xtables"
    msg = "iptables: no directory of its extensions"
    raise ImportError(msg)


def _imported() -> "Any":  # noqa: ANN401 (untyped)
    """python-iptables, imported without a process; raise ImportError if it or a library that it needs is not there."""
    if "iptc" not in sys.modules:
        stand_in = ModuleType("iptc.util")
        stand_in.find_library = _find_library  # type: ignore[attr-defined]
        stand_in.find_libc = lambda: CDLL("libc.so.6", mode=RTLD_GLOBAL)  # type: ignore[attr-defined]
        stand_in.load_kernel = lambda *_: None  # type: ignore[attr-defined]
        before = os.environ.get("XTABLES_LIBDIR")
        os.environ.setdefault("XTABLES_LIBDIR", _extensions())
        sys.modules["iptc.util"] = stand_in
        try:
            with catch_warnings(action="ignore"):  # of what it has in its strings, where it is compiled anew
                import iptc  # noqa: F401, PLC0415 (after what it imports is prepared)
        except Exception as error:
            for name in [name for name in sys.modules if name.partition(".")[0] == "iptc"]:
                del sys.modules[name]
            msg = f"python-iptables: {error}"
            raise ImportError(msg) from error
        finally:
            if before is None:
                del os.environ["XTABLES_LIBDIR"]
    return sys.modules["iptc"]


class OldTables:
    """Changes the old tables; making one raises ImportError without python-iptables.

    Each change is made by a child of ours: libxtables serves one family in the life of a process, and ends the process
    for what it does not like.
    """

    def __init__(self) -> None:
        self._iptc = _imported()

    def apply(self, family: str, tables: dict[str, list[str]]) -> None:
        """Change tables, each at once, by lines of iptables-restore; raise HostError with the library's words."""
        for table in tables:
            if table not in xtables.tables_in_use(family):
                _load(f"{family}table_{table}")
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writer, (self._reason(family, tables) or _DONE).encode()[:_PIPE_BUF])
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as told:
            reason = told.read().decode("utf-8", "replace")
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass  # its parent, which is not ours to write, ignores how children end
        if reason != _DONE:
            msg = f"iptables-legacy: change tables of {family}tables: {reason or 'ended before it could tell'}"
            raise HostError(msg, hint="a table is changed as a whole or not at all")

    def _reason(self, family: str, tables: dict[str, list[str]]) -> str:
        """Change tables; why it failed, empty if it did not."""
        try:
            with Lock(os.environ.get("XTABLES_LOCKFILE", LOCK), deadline_s=WAIT_S):
                for table, lines in tables.items():
                    self._retry(family, table, lines)
        except Exception as error:  # noqa: BLE001 (said by the parent, who raises)
            return f"{error}" or type(error).__name__
        return ""

    def _retry(self, family: str, table: str, lines: list[str]) -> None:
        for number in range(_TRIES):
            try:
                self._apply(family, table, lines)
            except self._iptc.IPTCError as error:
                if "Invalid argument" in str(error) and self._is_changed(family, table, lines):
                    return
                if number == _TRIES - 1 or "temporarily unavailable" not in str(error):
                    raise
            else:
                return

    def _is_changed(self, family: str, name: str, lines: list[str]) -> bool:
        """Whether a table is as lines want it that make or delete chains, though its commit was refused.

        The kernel takes the rules by one call and adds to their counters by another, which it refuses if somebody who
        does not take the lock has changed the table between. Source: ip_tables.c, do_add_counters().
        """
        made = {line.split()[0][1:] for line in lines if line.startswith(":")}
        deleted = {line.split()[1] for line in lines if line.startswith("-X")}
        added = [line.split()[1] for line in lines if line.startswith(("-A", "-I"))]
        table = self._opened(family, name)
        try:
            is_made = all(
                table.is_chain(chain) and len(self._iptc.Chain(table, chain).rules) == added.count(chain)
                for chain in made - deleted
            )
            return bool(made or deleted) and is_made and not any(table.is_chain(chain) for chain in deleted)
        finally:
            table.close()

    def _opened(self, family: str, name: str) -> "Any":  # noqa: ANN401
        """A table as the kernel has it now."""
        kind = self._iptc.Table if family == "ip" else self._iptc.Table6
        # a rule looks for its target's name in all tables that it takes to exist, and a look makes a table
        kind.existing_table_names.update({other: other == name for other in kind.ALL})
        table = kind(name, autocommit=False)
        table.refresh()
        return table

    def _apply(self, family: str, name: str, lines: list[str]) -> None:
        table = self._opened(family, name)
        try:
            for line in lines:
                self._do(family, table, line)
            table.commit()
        finally:
            table.close()

    def _do(self, family: str, table: "Any", line: str) -> None:  # noqa: ANN401
        """Do what one line says: make or empty a chain, add a rule, delete one, delete a chain."""
        verb, name, *words = line.split()
        if line.startswith(":"):
            chain = verb[1:]
            table.flush_entries(chain) if table.is_chain(chain) else table.create_chain(chain)
        elif verb == "-X":
            table.delete_chain(name)
        else:
            rule = self._rule(family, words)
            entry = rule.rule
            if verb == "-A":
                table.append_entry(name, entry)
            elif verb == "-I":
                table.insert_entry(name, entry, 0)
            else:
                table.delete_entry(name, entry, rule.mask)

    def _rule(self, family: str, words: list[str]) -> "Any":  # noqa: ANN401
        """A rule by the words that iptables has for it."""
        rule = self._iptc.Rule() if family == "ip" else self._iptc.Rule6()
        parts = _parts(words)
        for (option, value), parameters in parts:
            if option in _FIELDS:
                setattr(rule, _FIELDS[option], _PROTOCOLS.get(value, value))
                continue
            owner = rule.create_match(value) if option == "-m" else rule.create_target(value, goto=option == "-g")
            for name, text in parameters:
                owner.set_parameter(name, text)
            owner._final_check()  # noqa: SLF001 (its public way redirects standard output to read the rule again)
        for mask in ("iniface_mask", "outiface_mask"):
            # of a link's name python-iptables 1.2.0 compares one bit of each byte, in IPv6: others' would match too
            setattr(rule.get_ip(), mask, b"\xff" * len(getattr(rule.get_ip(), mask)))
        return rule


_FIELDS = {"-s": "src", "-d": "dst", "-i": "in_interface", "-o": "out_interface", "-p": "protocol"}
_PROTOCOLS = {"ipv6-icmp": "icmpv6"}


def _parts(words: list[str]) -> "list[tuple[Pair, list[Pair]]]":
    """The options of a rule with their values, and the parameters of each match and of the target."""
    found: list[tuple[Pair, list[Pair]]] = []
    left, inverted = list(words), ""
    while left:
        word = left.pop(0)
        if word == _INVERTED:
            inverted = word
            continue
        is_parameter = word.startswith("--")
        has_value = not is_parameter or (bool(left) and not left[0].startswith("-") and left[0] != _INVERTED)
        pair = (word.removeprefix("--"), inverted + (left.pop(0) if has_value else ""))
        if is_parameter:
            found[-1][1].append(pair)
        else:
            found.append((pair, []))
        inverted = ""
    return found


def _load(module: str) -> None:
    """Load what makes a table, on a kernel of modules; the table's absence is told by whoever wants it."""
    modprobe = programs.find("modprobe")
    if modprobe and os.path.exists("/proc/modules"):
        programs.run([modprobe, "-q", module])
