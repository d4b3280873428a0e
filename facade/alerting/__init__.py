"""Alerts: limits that are judged all the time, and webhooks that are told when one begins or ends to be exceeded."""
