"""Where the templates of ifcfg files are: in a checkout at its top, in an installed package within it."""

from vnethook.errors import HostError
from vnethook.live import files

NAMES = ("port", "bridge", "alias")


def read() -> dict[str, str]:
    """The text of each template; raise HostError if one is missing."""
    package = files.directory_of(files.directory_of(__file__))
    places = (f"{package}/_initscripts", f"{files.directory_of(package)}/initscripts")
    place = next((one for one in places if files.is_directory(one)), places[0])
    return {name: _template(f"{place}/ifcfg-templates/{name}") for name in NAMES}


def _template(path: str) -> str:
    text = files.read_text(path)
    if text is None:
        msg = f"file {path!r}: read: it is missing"
        raise HostError(msg, hint="the installation is not whole: install vnethook again")
    return text
