"""Stories of faults told to a simulated fleet: how many are told, what is done about one that breaks a law."""
