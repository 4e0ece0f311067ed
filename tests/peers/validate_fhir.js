// Validates FHIR resources with npm's fhir (FHIR R4): a JSON array on standard input, what is wrong as one on output.
'use strict';

const fs = require('fs');
const { Fhir } = require('fhir');

const fhir = new Fhir();
const wrong = JSON.parse(fs.readFileSync(0, 'utf8')).map((resource) => {
  const found = fhir.validate(resource, { errorOnUnexpected: true });
  return found.messages.filter((each) => ['error', 'fatal'].includes(each.severity));
});
console.log(JSON.stringify(wrong));
