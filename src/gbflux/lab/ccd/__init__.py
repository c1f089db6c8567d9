"""Critical current density of stepped tests."""
