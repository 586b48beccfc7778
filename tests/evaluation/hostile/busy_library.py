"""A library that a plugin declares, and in which it does its work."""

import time

end = time.process_time() + 0.4
while time.process_time() < end:
    pass
