"""Measure every task of a job system in one line; a module for each system, loaded only when it is imported.

The group is the system, the name is what the system itself calls the task, and the
outcome is what became of it there. What a module adds uses the extension points
that the system has for that.
"""
