// Uploads with npm's tus-js-client: node upload_tus.js ENDPOINT TOKEN FILE [URL] [STOP-AT]
// With a URL it goes on there; at STOP-AT bytes it breaks off. Prints one line of JSON.
'use strict';

const fs = require('fs');
const path = require('path');

const tus = require('tus-js-client');

const [endpoint, token, file, url, stopAt] = process.argv.slice(2);
const first = [];

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  uploadUrl: url || null,
  uploadSize: fs.statSync(file).size,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: path.basename(file), filetype: 'application/pdf' },
  retryDelays: [0, 500, 1000, 2000, 4000, 8000, 16000],
  onBeforeRequest: (request) => {
    if (request.getMethod() === 'PATCH') first.push(Number(request.getHeader('Upload-Offset')));
  },
  onProgress: (sent) => {
    if (stopAt && sent >= Number(stopAt)) stop();
  },
  onSuccess: () => say(true),
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
});

function say(isDone) {
  console.log(JSON.stringify({ url: upload.url, is_done: isDone, from: first[0] }));
  process.exit(0);
}

let stopped = false;
function stop() {
  if (stopped) return;
  stopped = true;
  // The connection breaks in the middle of a request.
  upload.abort().then(() => say(false));
}

upload.start();
