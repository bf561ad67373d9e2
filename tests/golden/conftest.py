"""`pytest tests/golden --regenerate` writes the expected files anew; the difference is reviewed before it is kept."""


def pytest_addoption(parser):
    parser.addoption("--regenerate", action="store_true", help="write the golden files anew")
