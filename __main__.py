"""A stack: its settings are in Pulumi.<stack>.yaml, its story in components/stack.py."""

import os
import signal

# before the imports, which take a while: ctrl-C is no traceback (32: nothing more is to be said)
signal.signal(signal.SIGINT, lambda *_: os._exit(32))

from components import program  # noqa: E402

program.run()
