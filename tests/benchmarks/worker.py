"""The command `sync-queue` with the backends that only benchmarks have."""

from mydia_web.cli import main
from tests.benchmarks.household import know_the_kinds

if __name__ == "__main__":
    know_the_kinds()
    main(["sync-queue"])
