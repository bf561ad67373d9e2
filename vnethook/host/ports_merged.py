"""Ports of the machine that several networks want, without overlaps: a program binds each but once."""


def merged(specs: list[str]) -> list[str]:
    """("8080", "8000-8100", "127.0.0.1/8080") -> ("8000-8100",): what is had on all addresses is had on each."""
    by_address: dict[str, list[tuple[int, int]]] = {}
    for spec in specs:
        address, first, last = parsed(spec)
        by_address.setdefault(address, []).append((first, last))
    everywhere = _joined(by_address.get("", []))
    found = [_shown("", *span) for span in everywhere]
    for address in sorted(by_address.keys() - {""}):
        found += [_shown(address, *span) for span in _without(_joined(by_address[address]), everywhere)]
    return found


def is_covered(spec: str, by: list[str]) -> bool:
    """Whether all of a spec is had by one of others."""
    address, first, last = parsed(spec)
    return any(at in {"", address} and low <= first and last <= high for at, low, high in map(parsed, by))


def parsed(spec: str) -> tuple[str, int, int]:
    """("192.0.2.1/8000-8010") -> ("192.0.2.1", 8000, 8010); the address is empty where none is said."""
    address, _, ports = spec.rpartition("/")
    first, _, last = ports.partition("-")
    return address, int(first), int(last or first)


def _shown(address: str, first: int, last: int) -> str:
    ports = str(first) if first == last else f"{first}-{last}"
    return f"{address}/{ports}" if address else ports


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _without(spans: list[tuple[int, int]], taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    for first, last in taken:
        spans = [
            span
            for low, high in spans
            for span in ((low, min(high, first - 1)), (max(low, last + 1), high))
            if span[0] <= span[1]
        ]
    return spans
