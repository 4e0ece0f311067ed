"""What we know as FHIR R4 resources: pure functions to plain dicts, for the facade and for the publisher.

Start with identifiers.py: which number is of which system. `patient.py` makes people, `patient_in.py` reads
those that others send; `imaging_study.py`, `endpoint.py`, `organization.py`, `service_request.py` and
`document_reference.py` each make one resource.
"""
