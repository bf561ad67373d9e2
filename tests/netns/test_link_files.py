"""What is wrong with the files of links by TLS is said of the file that it is wrong with."""

from pathlib import Path

import pytest

from tests.lab.linked import Site
from vnethook.errors import HostError
from vnethook.host import link_tls

pytestmark = pytest.mark.netns
BROKEN = {
    "ca.pem": "/ca.pem': read: no certificate is in it",
    "cert.pem": "/cert.pem': read: no certificate is in it, or no key in key.pem",
    "key.pem": "/cert.pem': read: no certificate is in it, or no key in key.pem",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site") / "ca")


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_something_else_is_named(site: Site, tmp_path: Path, name: str) -> None:
    place = site.issue(tmp_path / "tls", "a.example")
    (place / name).write_text("garbage\n")
    with pytest.raises(HostError) as found:
        link_tls.context(str(place), is_server=False)
    assert found.value.message == f"file '{place}{BROKEN[name]}"


def test_the_key_of_another_certificate_is_told(site: Site, tmp_path: Path) -> None:
    place = site.issue(tmp_path / "tls", "a.example")
    other = site.issue(tmp_path / "other", "b.example")
    (place / "key.pem").write_bytes((other / "key.pem").read_bytes())
    with pytest.raises(HostError, match=r"key\.pem is the key of another certificate"):
        link_tls.context(str(place), is_server=True)
