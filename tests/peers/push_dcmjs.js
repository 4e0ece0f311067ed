// Sends files by C-STORE with dcmjs-dimse, each on an association of its own: node push_dcmjs.js PORT FILE...
// A file that it cannot read or write is left out, and said so.
'use strict';

const dcmjs = require('dcmjs');
const { Client, log, requests } = require('dcmjs-dimse');

const PATIENCE_MS = 10000;
log.setLevel('silent');
dcmjs.log.setLevel('silent');

let giveUp = () => {};
process.on('uncaughtException', (error) => giveUp(error));

function push(port, file) {
  return new Promise((resolve) => {
    giveUp = (error) => {
      console.log(`not sent: ${file}: ${error.message}`);
      resolve();
    };
    const client = new Client();
    client.addRequest(new requests.CStoreRequest(file));
    client.on('closed', resolve);
    client.on('networkError', giveUp);
    client.send('127.0.0.1', port, 'DCMJS', 'IMX', {
      pduTimeout: PATIENCE_MS,
      associationLingerTimeout: 0,
      datasetWriteOptions: { allowInvalidVRLength: true },
    });
  });
}

async function main(port, files) {
  for (const file of files) {
    try {
      await push(port, file);
    } catch (error) {
      console.log(`not read: ${file}: ${error.message}`);
    }
  }
}

main(Number(process.argv[2]), process.argv.slice(3)).then(() => process.exit(0));
