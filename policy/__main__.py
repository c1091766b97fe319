"""The policy pack: `pulumi preview --policy-pack policy`."""

from policy import pack

pack.run()
