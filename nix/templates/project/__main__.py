"""The servers of this project: their settings are in Pulumi.<stack>.yaml, their hosts in hosts/."""

from flakeship.components import program

program.run()
