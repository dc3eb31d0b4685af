"""`python -m grader`: the console command, where its script is not on PATH."""

import sys

from grader.cli import main

sys.exit(main())
