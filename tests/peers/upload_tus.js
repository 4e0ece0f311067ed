// Uploads with npm's tus-js-client: node upload_tus.js ENDPOINT TOKEN FILE [URL] [DIE-AT]
// With a URL it goes on there; at DIE-AT bytes it is killed. Prints a line of JSON for the URL, and one at the end.
'use strict';

const fs = require('fs');
const path = require('path');

const tus = require('tus-js-client');

const [endpoint, token, file, url, dieAt] = process.argv.slice(2);
const offsets = [];

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  uploadUrl: url || null,
  uploadSize: fs.statSync(file).size,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: path.basename(file), filetype: 'application/pdf' },
  retryDelays: [0, 500, 1000, 2000, 4000, 8000, 16000],
  onUploadUrlAvailable: () => say({ url: upload.url }),
  onBeforeRequest: (request) => {
    if (request.getMethod() === 'PATCH') offsets.push(Number(request.getHeader('Upload-Offset')));
  },
  onProgress: (sent) => {
    if (dieAt && sent >= Number(dieAt)) process.kill(process.pid, 'SIGKILL');
  },
  onSuccess: () => say({ from: offsets[0] }),
  onError: (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
});

function say(what) {
  fs.writeSync(1, `${JSON.stringify(what)}\n`);
}

upload.start();
