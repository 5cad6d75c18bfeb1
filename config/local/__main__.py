"""`python -m config.local`: the whole stack on this machine, until Ctrl-C."""

import sys

from config.local.stack import main

sys.exit(main())
