"""Files made up from a known truth, for trying the commands and for tests of recovery."""
