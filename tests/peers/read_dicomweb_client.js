// Stores, searches and retrieves with npm's dicomweb-client: node read_dicomweb_client.js ROOT TOKEN FILE...
// Prints one line of JSON. The library is a browser's; xhr2 is the XMLHttpRequest that node has not.
'use strict';

const fs = require('fs');

const XMLHttpRequest = require('xhr2');

globalThis.XMLHttpRequest = XMLHttpRequest;
const { api } = require('dicomweb-client');

const [root, token, ...files] = process.argv.slice(2);
const client = new api.DICOMwebClient({ url: root, headers: { Authorization: `Bearer ${token}` } });

function bytesOf(path) {
  const file = fs.readFileSync(path);
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
}

async function main() {
  await client.storeInstances({ datasets: files.map(bytesOf) });
  const [study] = await client.searchForStudies({ queryParams: { PatientID: 'IMX-CONFORMANCE', limit: 1 } });
  const studyInstanceUID = study['0020000D'].Value[0];
  const series = await client.searchForSeries({ studyInstanceUID });
  const seriesInstanceUID = series.find((each) => each['00080060'].Value[0] === 'CT')['0020000E'].Value[0];
  const where = { studyInstanceUID, seriesInstanceUID };
  const instances = await client.searchForInstances(where);
  const metadata = await client.retrieveSeriesMetadata(where);
  const instance = { ...where, sopInstanceUID: instances[0]['00080018'].Value[0] };
  const whole = await client.retrieveInstance(instance);
  const frames = await client.retrieveInstanceFrames({ ...instance, frameNumbers: [1] });
  const [picture] = await client.retrieveInstanceRendered({ ...instance, mediaTypes: [{ mediaType: 'image/png' }] });
  const all = await client.retrieveStudy({ studyInstanceUID });
  console.log(
    JSON.stringify({
      study: studyInstanceUID,
      series: series.length,
      instances: instances.length,
      metadata: metadata.length,
      is_part10: Buffer.from(whole, 128, 4).toString() === 'DICM',
      frame: frames[0].byteLength,
      is_png: Buffer.from(picture, 1, 3).toString() === 'PNG',
      all: all.length,
    }),
  );
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
