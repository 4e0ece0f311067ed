// Retrieves a study by C-GET with dcmjs-dimse and prints the UIDs of what came: node get_dcmjs.js PORT STUDY
'use strict';

const dcmjs = require('dcmjs');
const { Client, constants, log, requests, responses } = require('dcmjs-dimse');

log.setLevel('silent');
dcmjs.log.setLevel('silent');

const [port, study] = process.argv.slice(2);
const client = new Client();
const request = requests.CGetRequest.createStudyGetRequest(study);
request.on('response', (response) => {
  if (response.getStatus() !== constants.Status.Pending) {
    console.log(`status ${response.getStatus()}`);
  }
});
client.on('cStoreRequest', (store, callback) => {
  console.log(store.getAffectedSopInstanceUid());
  const response = responses.CStoreResponse.fromRequest(store);
  response.setStatus(constants.Status.Success);
  callback(response);
});
client.on('networkError', (error) => {
  console.log(`network error: ${error.message}`);
  process.exit(1);
});
client.on('closed', () => process.exit(0));
client.addRequest(request);
client.send('127.0.0.1', Number(port), 'DCMJS', 'IMX');
