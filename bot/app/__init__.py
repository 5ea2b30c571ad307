"""The composition root: the only package that knows commands and integrations. Nothing imports it but bot.__main__."""
