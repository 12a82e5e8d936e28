import pytest

#: Parameters of a fixture that is to run on every database we support, whatever `--database` says.
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
