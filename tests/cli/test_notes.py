"""net-desc and net-metadata, in virsh's words. Source: cmdNetworkDesc(), cmdNetworkMetadata() of virsh-network.c."""

import pytest

LAB = "<network><name>lab</name><uuid>5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf</uuid><bridge name='vnbrlab'/></network>"
URI = "http://example.org/app/1"


@pytest.fixture(autouse=True)
def _lab(vnet, monkeypatch, tmp_path_factory):
    vnet("net-define", "-", stdin=LAB)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("drafts")))


def test_a_description_is_set_shown_and_taken_away(vnet) -> None:
    assert vnet("net-desc", "lab") == (0, "No description for network: lab\n", "")
    assert vnet("-q", "net-desc", "lab") == (0, "", "")
    assert vnet("net-desc", "lab", "for", "the  tests") == (0, "Network description updated successfully\n", "")
    assert vnet("net-desc", "lab").out == "for the  tests\n"
    assert vnet("-q", "net-desc", "--network", "lab", "--config").out == "for the  tests"
    assert "<description>for the  tests</description>" in vnet("net-dumpxml", "lab").out
    assert vnet("net-desc", "lab", "--new-desc", "").status == 0
    assert vnet("net-desc", "lab", "--current").out == "No description for network: lab\n"


def test_a_title_is_set_shown_and_has_one_line(vnet) -> None:
    assert vnet("net-desc", "lab", "--title", "The lab") == (0, "Network title updated successfully\n", "")
    assert vnet("net-desc", "--title", "lab").out == "The lab\n"
    said = vnet("net-desc", "lab", "--title", "a\nb")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert vnet("net-desc", "--title", "lab").out == "The lab\n"


def test_several_lines_and_what_a_terminal_would_obey_are_shown_as_text(vnet) -> None:
    vnet("net-desc", "lab", "a\n\tb\u202ec")
    assert vnet("net-desc", "lab").out == "a\n        b\\u202ec\n"


def test_a_description_is_edited(vnet, monkeypatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    assert vnet("net-desc", "lab", "--edit") == (0, "Network description not changed\n\n", "")
    assert vnet("net-desc", "lab", "--edit", "from", "here").out == "Network description updated successfully\n"
    monkeypatch.setenv("EDITOR", "sed -i s/here/there/")
    assert vnet("net-desc", "lab", "--edit").status == 0
    assert vnet("net-desc", "lab").out == "from there\n"
    monkeypatch.setenv("EDITOR", "sed -i 's/there/x\\x1b/'")
    said = vnet("net-desc", "lab", "--edit")
    assert (said.status, "\n  what you wrote is kept in " in said.err) == (2, True)


def test_the_built_in_network_is_stored_with_its_note(vnet, root) -> None:
    assert vnet("net-desc", "default", "--title", "All").status == 0
    assert "<title>All</title>" in (root / "etc/vnethook/networks/default.xml").read_text()


def test_metadata_is_set_shown_changed_and_removed(vnet) -> None:
    assert vnet("net-metadata", "lab", URI) == (
        *(4, ""),
        f"error: network 'lab': metadata: there is no element of '{URI}'\n",
    )
    assert vnet("net-metadata", "lab", URI, "--key", "app", "--set", "<a><b/></a>").out == "Metadata modified\n\n"
    assert vnet("net-metadata", "lab", "--uri", URI).out == "<a>\n  <b/>\n</a>\n\n"
    assert f'<app:a xmlns:app="{URI}"><app:b></app:b></app:a>' in vnet("net-dumpxml", "lab").out
    assert vnet("net-metadata", "lab", URI, "app", "<c/>").out == "Metadata modified\n\n"
    assert vnet("net-metadata", "lab", URI, "--config").out == "<c/>\n\n"
    assert vnet("net-metadata", "lab", URI, "--remove").out == "Metadata removed\n\n"
    assert vnet("net-metadata", "lab", URI).status == 4


def test_metadata_is_edited(vnet, monkeypatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    assert vnet("net-metadata", "lab", URI, "--key", "app", "--edit").out == "Metadata not changed\n"
    monkeypatch.setenv("EDITOR", "printf '<a/>' >")
    assert vnet("net-metadata", "lab", URI, "--key", "app", "--edit").out == "Metadata modified\n\n"
    assert vnet("net-metadata", "lab", URI).out == "<a/>\n\n"
    monkeypatch.setenv("EDITOR", "sed -i s/a/a:b/")
    said = vnet("net-metadata", "lab", URI, "--key", "app", "--edit")
    assert (said.status, said.out) == (2, "")
    assert vnet("net-metadata", "lab", URI).out == "<a/>\n\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("net-desc", "lab", "--live", "--current"), "options --current and --live: only one can be given"),
        (("net-desc", "lab", "--config", "--current", "a"), "options --current and --config: only one can be given"),
        (("net-metadata", "lab", URI, "--set", "<a/>", "--edit"), "options --edit and --set: only one can be given"),
        (("net-metadata", "lab", URI, "--remove", "--edit"), "options --edit and --remove: only one can be given"),
        (("net-metadata", "lab", URI, "--set", "<a/>"), "metadata: modify: --key is not given"),
        (
            ("net-metadata", "lab", URI, "--set", "<a/>", "--key", "a b"),
            "key 'a b': cannot be the prefix of a namespace",
        ),
        (("net-metadata", "lab", "a b", "--set", "<a/>", "--key", "a"), "uri 'a b': cannot be that of a namespace"),
        (("net-metadata", "lab"), "vnet net-metadata: missing argument URI"),
    ],
)
def test_options_that_make_no_sense_are_refused(vnet, words, message) -> None:
    said = vnet(*words)
    assert (said.status, said.out, said.err.splitlines()[0]) == (1, "", f"error: {message}")


@pytest.mark.parametrize("words", [("net-desc", "lab", "--live"), ("net-desc", "lab", "--live", "a")])
def test_what_is_down_has_no_live_note(vnet, words) -> None:
    said = vnet(*words)
    assert (said.status, said.err.splitlines()[0]) == (4, "error: network 'lab': update: network is not active")


def test_readonly_lets_notes_be_read(virsh) -> None:
    assert virsh("-r", "net-desc", "lab").status == 0
    assert "read only access prevents virNetworkSetMetadata" in virsh("-r", "net-desc", "lab", "a").err
    assert "read only access prevents virNetworkSetMetadata" in virsh("-r", "net-metadata", "lab", URI, "--remove").err
