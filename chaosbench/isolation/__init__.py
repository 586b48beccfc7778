"""A forecaster runs in a process of its own, which never holds the truth.

`process` starts, asks and ends it, `outcome` reads its answers, `sandbox` says what it may open;
`inside` is what runs in it. Nothing here knows a system, a dataset or a task.
"""
