"""The rules of the policy pack, each with what the real programs declare and with what is bad."""
