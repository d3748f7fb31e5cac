"""`torchpack dist-run -np N python search.py CONFIG CHECKPOINT --max MS --min MS`; also under torchrun, or alone."""

import os
import sys

from search.launcher import main
from sparsearch.cli import main as command_line

if __name__ == "__main__":
    os.environ.pop("SPARSEARCH_SERVER", None)  # the ranks search here, wherever `sparsearch` would ask
    sys.exit(main(sys.argv[1:], command_line))
