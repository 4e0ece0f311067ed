"""The FHIR R4 facade at /fhir/R4: what the record may ask, answered as resources and OperationOutcomes."""
