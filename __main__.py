"""A stack: its settings are in Pulumi.<stack>.yaml, its story in components/program.py."""

from components import program

program.run()
