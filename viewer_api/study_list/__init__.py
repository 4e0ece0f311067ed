"""The list of studies that people search, and IHE's address that opens what is asked for (RAD-106)."""
