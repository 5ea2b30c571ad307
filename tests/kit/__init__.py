"""What many tests share: a bot over the simulated world and SQLite, driven by hand."""
