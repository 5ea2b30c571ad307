"""The rig: real servers for tests, built once, started in seconds, gone without a trace.

It knows nothing of the product: tests bring the two together. See README.md.
"""
