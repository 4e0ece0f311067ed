"""FHIR R4 (4.0.1) by UK Core: what people, studies and reports look like as resources, and from them.

Pure functions, from and to plain dicts that `json` writes. The facade and the publisher both use them.
"""
