// Nothing to call: see FakeClock.c.
