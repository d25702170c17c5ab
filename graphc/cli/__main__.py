"""`python -m graphc.cli` is `graphc`."""

import sys

from graphc.cli.main import main

sys.exit(main())
