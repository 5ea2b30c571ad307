"""The playground: a Slack-like workspace in the browser over a local Slack server.

This package is Slack and nothing of the product: it may import no other package of the bot, and it talks to the bot only over
loopback, through Slack's own protocols. The README beside this file says how to use it, also from tests.
"""
