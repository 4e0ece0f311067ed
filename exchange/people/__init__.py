"""The directory of people: who they are, which numbers they go by, and for whom each number stands now."""
