"""`python -m cachey_client.cli`"""

import sys

from .main import main

sys.exit(main())
