"""nftables rules, one transaction at a time, through nft(8)."""

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import nftables


class Nft:
    """The host's nftables, as far as our own table goes."""

    def require(self) -> None:
        """Raise HostError if nft is not installed or the kernel lacks nf_tables."""
        programs.require("nft")
        nftables.chain_uses(())

    def is_usable(self) -> bool:
        """Whether nft is installed and the kernel has nf_tables, without a process."""
        return programs.find("nft") is not None and self.has_kernel()

    def has_kernel(self) -> bool:
        """Whether the kernel has nf_tables, and we may ask."""
        try:
            nftables.chain_uses(("input",))
        except HostError:
            return False
        return True

    def apply(self, text: str) -> None:
        """Apply a transaction: all of it or nothing; raise HostError with nft's own words."""
        finished = programs.run([programs.require("nft"), "-f", "-"], text=text)
        if finished.status != 0:
            errors = [line for line in finished.errors.splitlines() if "rror:" in line] or [finished.reason]
            msg = f"nft: apply rules: {errors[0].strip()}"
            raise HostError(msg, hint="the transaction was refused as a whole, nothing of it is in force")

    def missing_elements(self, elements: tuple[tuple[str, str], ...]) -> list[str]:
        """Those of these elements, (set, key in hexadecimal), that are not there."""
        return nftables.missing_elements(elements)

    def foreign_uses(self, family: int, table: str, chains: tuple[str, ...]) -> dict[str, int]:
        """How often each of these chains of another table is used, as `uses`."""
        found = nftables.foreign_chains([(family, table, chain) for chain in chains])
        return {chain: use for (_, _, chain), (_, use) in found.items()}

    def uses(self, chains: tuple[str, ...]) -> dict[str, int]:
        """How often each of these chains is used; those that do not exist are left out."""
        return nftables.chain_uses(chains)
