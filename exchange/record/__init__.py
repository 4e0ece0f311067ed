"""Studies as the shared record knows them: what they hold, whose they are, where they can be opened."""
