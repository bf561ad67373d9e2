"""Elements of sets as nft writes them and as the kernel keeps them."""

import pytest

from vnethook.live import elements

MAC = "52:54:00:00:00:01"


@pytest.mark.parametrize(
    ("element", "first", "last", "data"),
    [
        (MAC, "525400000001", "525400000001", ""),
        (
            "6 . 80 . 0.0.0.0/0 . 192.0.2.1 : 10.0.0.9",
            "06000000 00500000 00000000 c0000201",
            "06000000 00500000 ffffffff c0000201",
            "0a000009",
        ),
        (
            "17 . 6-17 . 198.51.100.0/24 . 0.0.0.0/0 : 10.0.0.9",
            "11000000 00060000 c6336400 00000000",
            "11000000 00110000 c63364ff ffffffff",
            "0a000009",
        ),
        (
            "10.0.0.9 . 17 . 65535 . 0.0.0.0/0",
            "0a000009 11000000 ffff0000 00000000",
            "0a000009 11000000 ffff0000 ffffffff",
            "",
        ),
        (
            "6 . 6 . 2001:db8::/32 . ::/0 : fd00::9",
            f"06000000 00060000 20010db8{'0' * 24} {'0' * 32}",
            f"06000000 00060000 20010db8{'f' * 24} {'f' * 32}",
            f"fd00{'0' * 27}9",
        ),
    ],
)
def test_an_element_has_a_first_and_a_last_key_of_whole_words(element, first, last, data):
    assert elements.packed(element) == tuple(bytes.fromhex(text) for text in (first, last, data))
