"""Slack's Web API methods, a file per family; `table.py` names them all."""
