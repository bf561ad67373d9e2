"""`vnet` in this process, with its files below a directory of the test's own."""

import gc
import io
import json
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vnethook.cli.main import run


class Said(NamedTuple):
    """What a call of `vnet` ended with and said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Vnet = Callable[..., Said]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VNETHOOK_ROOT", str(tmp_path))
    monkeypatch.delenv("VNET_NETWORK", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path


@pytest.fixture
def vnet(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vnet:
    def call(*words: str, stdin: str = "", name: str = "vnet") -> Said:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        with warnings.catch_warnings():  # a Host keeps its netlink socket until the process ends, soon after
            warnings.simplefilter("ignore", ResourceWarning)
            gc.freeze()  # only what the call leaves is to be collected
            status = run(words, name=name)
            gc.collect()
            gc.unfreeze()
        return Said(status, *capsys.readouterr())

    return call


@pytest.fixture
def virsh(vnet: Vnet) -> Vnet:
    """`vnet` under virsh's name."""
    return partial(vnet, name="virsh")
