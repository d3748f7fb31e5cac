"""`python -m sparsearch`."""

import sys

from sparsearch.cli import main

sys.exit(main())
